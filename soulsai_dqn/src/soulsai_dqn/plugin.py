"""What the entry points of `soulsai.algorithms` lead to. Torch is imported only for the learner."""

from __future__ import annotations

import numpy as np

from soulsai_core import Actor, AlgorithmPlugin, EnvSpec, Learner, Sync
from soulsai_dqn import presets
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.spaces import own_columns


def _sync(config: DQNConfig) -> Sync:
    return Sync(config.max_staleness, config.update_every)


def _learner(config: DQNConfig, spec: EnvSpec, rng: np.random.Generator) -> Learner:
    from soulsai_dqn.learning.learner import DQNLearner

    return DQNLearner(config, spec, rng)


def _actor(config: DQNConfig, spec: EnvSpec, rng: np.random.Generator, explore: bool) -> Actor:
    from soulsai_dqn.acting.actor import DQNActor

    return DQNActor(config, spec, rng, explore)


def _named(name: str, config: type[DQNConfig]) -> AlgorithmPlugin:
    return AlgorithmPlugin(name, config, sync=_sync, learner=_learner, actor=_actor, columns=own_columns)


plugin = _named("dqn", presets.SampleEfficientConfig)
double_dqn = _named("double_dqn", DQNConfig)
rainbow = _named("rainbow", presets.RainbowConfig)
apex = _named("apex", presets.ApexConfig)
r2d2 = _named("r2d2", presets.R2D2Config)
high_replay = _named("high_replay", presets.ResetsConfig)
