"""SAC's actor. It needs no torch."""

from __future__ import annotations

import numpy as np

from soulsai_core import Actor, Arrays, EnvSpec, Weights
from soulsai_sac.acting.numpy_policy import NumpyPolicy
from soulsai_sac.config import SACConfig
from soulsai_sac.spaces import Bounds, vector, vector_features


class SACActor(Actor):
    """Draws from the squashed Gaussian; uniformly until the first iteration.

    Args:
        explore: False always takes the squashed mean.
    """

    def __init__(self, config: SACConfig, spec: EnvSpec, rng: np.random.Generator, explore: bool) -> None:
        self._bounds = Bounds(spec)
        self._features = vector_features(spec)
        self._hidden = len(config.hidden)
        self._rng = rng
        self._explore = explore
        self._random = False
        self._policy: NumpyPolicy

    def load(self, weights: Weights) -> None:
        self._random = self._explore and weights.iteration == 0
        self._policy = NumpyPolicy(weights.arrays, self._hidden)

    def act(self, observations: Arrays, masks: np.ndarray | None, starts: np.ndarray) -> tuple[np.ndarray, Arrays]:
        if self._random:
            drawn = self._rng.uniform(-1, 1, (len(starts), self._bounds.size))
            return self._bounds.to_environment(drawn.astype(np.float32)), {}
        raw, deviation = self._policy(vector(self._features, observations))
        if self._explore:
            raw = raw + self._rng.standard_normal(raw.shape, np.float32) * deviation
        return self._bounds.to_environment(np.tanh(raw)), {}
