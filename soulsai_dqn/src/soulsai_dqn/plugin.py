"""What the entry point `dqn` of `soulsai.algorithms` leads to. Torch is imported only for the learner."""

from __future__ import annotations

import numpy as np

from soulsai_core import Actor, AlgorithmPlugin, EnvSpec, Learner
from soulsai_dqn.config import DQNConfig


def _learner(config: DQNConfig, spec: EnvSpec, rng: np.random.Generator) -> Learner:
    from soulsai_dqn.learner import DQNLearner

    return DQNLearner(config, spec, rng)


def _actor(config: DQNConfig, spec: EnvSpec, rng: np.random.Generator) -> Actor:
    from soulsai_dqn.actor import DQNActor

    return DQNActor(config, spec, rng)


plugin = AlgorithmPlugin(name="dqn", config=DQNConfig, learner=_learner, actor=_actor)
