"""The entry point `ppo` of `soulsai.algorithms`. Torch is imported only for images and LSTMs."""

from __future__ import annotations

import numpy as np

from soulsai_core import Actor, AlgorithmPlugin, EnvSpec, Learner, Sync
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.spaces import own_columns


def _sync(config: PPOConfig) -> Sync:
    # Staleness 1: rows of any other model than the newest are off-policy, and are not admitted.
    return Sync(max_staleness=1, rows_per_iteration=config.rollout, required_clients=config.required_clients)


def _learner(config: PPOConfig, spec: EnvSpec, rng: np.random.Generator) -> Learner:
    from soulsai_ppo.learning.learner import PPOLearner

    return PPOLearner(config, spec, rng)


def _actor(config: PPOConfig, spec: EnvSpec, rng: np.random.Generator, explore: bool) -> Actor:
    from soulsai_ppo.acting.actor import PPOActor

    return PPOActor(config, spec, rng, explore)


plugin = AlgorithmPlugin("ppo", PPOConfig, sync=_sync, learner=_learner, actor=_actor, columns=own_columns)
