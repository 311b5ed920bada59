"""What the entry points of `soulsai.algorithms` lead to. Torch is imported only for the learner."""

from __future__ import annotations

import numpy as np

from soulsai_core import Actor, AlgorithmPlugin, EnvSpec, Learner
from soulsai_dqn import presets
from soulsai_dqn.config import DQNConfig


def _learner(config: DQNConfig, spec: EnvSpec, rng: np.random.Generator) -> Learner:
    from soulsai_dqn.frame_learner import FrameLearner
    from soulsai_dqn.learner import DQNLearner
    from soulsai_dqn.recurrent_learner import RecurrentLearner

    if config.recurrent is not None:
        return RecurrentLearner(config, spec, rng)
    if config.frame_stack is not None:
        return FrameLearner(config, spec, rng)
    return DQNLearner(config, spec, rng)


def _actor(config: DQNConfig, spec: EnvSpec, rng: np.random.Generator) -> Actor:
    from soulsai_dqn.actor import DQNActor
    from soulsai_dqn.frame_actor import FrameActor
    from soulsai_dqn.recurrent_actor import RecurrentActor

    if config.recurrent is not None:
        return RecurrentActor(config, spec, rng)
    if config.frame_stack is not None:
        return FrameActor(config, spec, rng)
    return DQNActor(config, spec, rng)


def _named(name: str, config: type[DQNConfig]) -> AlgorithmPlugin:
    return AlgorithmPlugin(name=name, config=config, learner=_learner, actor=_actor)


plugin = _named("dqn", presets.SampleEfficientConfig)
double_dqn = _named("double_dqn", DQNConfig)
rainbow = _named("rainbow", presets.RainbowConfig)
apex = _named("apex", presets.ApexConfig)
r2d2 = _named("r2d2", presets.R2D2Config)
high_replay = _named("high_replay", presets.ResetsConfig)
