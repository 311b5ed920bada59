"""What the entry point `ppo` of `soulsai.algorithms` leads to."""

from __future__ import annotations

import numpy as np

from soulsai_core import Actor, AlgorithmPlugin, EnvSpec, Learner
from soulsai_ppo.config import PPOConfig


def _learner(config: PPOConfig, spec: EnvSpec, rng: np.random.Generator) -> Learner:
    from soulsai_ppo.learner import PPOLearner

    return PPOLearner(config, spec, rng)


def _actor(config: PPOConfig, spec: EnvSpec, rng: np.random.Generator) -> Actor:
    from soulsai_ppo.actor import PPOActor

    return PPOActor(config, spec, rng)


plugin = AlgorithmPlugin(name="ppo", config=PPOConfig, learner=_learner, actor=_actor)
