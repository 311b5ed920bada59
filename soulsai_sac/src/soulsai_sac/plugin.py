"""The entry point `sac` of `soulsai.algorithms`. Torch is imported only when a learner is made."""

from __future__ import annotations

import numpy as np

from soulsai_core import Actor, AlgorithmPlugin, EnvSpec, Learner, Sync
from soulsai_sac.config import SACConfig


def _sync(config: SACConfig) -> Sync:
    return Sync(config.max_staleness, config.update_every)


def _learner(config: SACConfig, spec: EnvSpec, rng: np.random.Generator) -> Learner:
    from soulsai_sac.learning.learner import SACLearner

    return SACLearner(config, spec, rng)


def _actor(config: SACConfig, spec: EnvSpec, rng: np.random.Generator, explore: bool) -> Actor:
    from soulsai_sac.acting.actor import SACActor

    return SACActor(config, spec, rng, explore)


plugin = AlgorithmPlugin("sac", SACConfig, sync=_sync, learner=_learner, actor=_actor)
