"""What DQN's client halves have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import Generic, TypeVar

import numpy as np

from soulsai_core import Actor, Arrays, Weights
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.exploration import Explorer
from soulsai_dqn.prepared import Prepared

P = TypeVar("P")


class PolicyActor(Actor, Generic[P]):
    """Explores around a policy that is made of the newest weights. Subclasses act by `_policy`, None before the first
    weights, and stamp their rows with `_iteration`."""

    def __init__(self, config: DQNConfig, rng: np.random.Generator) -> None:
        self._config, self._rng = config, rng
        self._explorer = Explorer(config, rng)
        self._prepared: Prepared[P] = Prepared(self._policy_of)
        self._policy: P | None = None
        self._iteration = -1

    @abstractmethod
    def _policy_of(self, arrays: Arrays) -> P:
        """The policy of these weights."""

    @property
    def _noise_rng(self) -> np.random.Generator | None:
        """What noisy layers take their noise from, None where they shall act without it."""
        return self._rng if self._config.exploration == "noisy" else None

    def placed(self, place: int) -> None:
        self._explorer.placed(place)

    def prepare(self, weights: Weights) -> None:
        self._prepared.prepare(weights.arrays)

    def load(self, weights: Weights) -> None:
        self._policy = self._prepared.policy(weights.arrays)
        self._iteration = weights.iteration
        self._explorer.follow(weights.env_steps)

    def metrics(self) -> dict[str, float]:
        return self._explorer.metrics()
