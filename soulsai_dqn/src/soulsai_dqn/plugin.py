"""The entry point `dqn` of `soulsai.algorithms`. Torch is imported only when a learner is made."""

from __future__ import annotations

import numpy as np

from soulsai_core import Actor, AlgorithmPlugin, EnvSpec, Learner, Sync
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


plugin = AlgorithmPlugin("dqn", DQNConfig, sync=_sync, learner=_learner, actor=_actor, columns=own_columns)
