"""The client's half: the policy in numpy."""

from __future__ import annotations

import numpy as np

from soulsai_core import Actor, Arrays, EnvSpec, Weights
from soulsai_sac.config import SACConfig
from soulsai_sac.spaces import Bounds, vector, vector_features

LOG_STD = (-5.0, 2.0)
"""Between these numbers lies the logarithm of the deviation, before squashing."""


class SACActor(Actor):
    """Draws from the squashed Gaussian, uniformly while nothing was learnt yet; without `explore` it takes the mean."""

    def __init__(self, config: SACConfig, spec: EnvSpec, rng: np.random.Generator, explore: bool) -> None:
        self._bounds = Bounds(spec)
        self._features = vector_features(spec)
        self._layers = len(config.hidden)
        self._rng = rng
        self._explore = explore
        self._random = False

    def load(self, weights: Weights) -> None:
        self._random = self._explore and weights.iteration == 0
        arrays = weights.arrays
        self._parameters = [(arrays[f"layers.{i}.weight"], arrays[f"layers.{i}.bias"]) for i in range(self._layers + 1)]

    def act(self, observations: Arrays, masks: np.ndarray | None, starts: np.ndarray) -> tuple[np.ndarray, Arrays]:
        if self._random:
            drawn = self._rng.uniform(-1, 1, (len(starts), self._bounds.size))
            return self._bounds.to_environment(drawn.astype(np.float32)), {}
        mean, spread = np.split(self._policy(vector(self._features, observations)), 2, axis=1)
        if self._explore:
            noise = self._rng.standard_normal(mean.shape, np.float32)
            low, high = LOG_STD
            mean = mean + noise * np.exp(low + (high - low) / 2 * (np.tanh(spread) + 1))
        return self._bounds.to_environment(np.tanh(mean)), {}

    def _policy(self, x: np.ndarray) -> np.ndarray:
        """(n, size) -> (n, 2 * actions)."""
        *hidden, (weight, bias) = self._parameters
        for matrix, shift in hidden:
            x = np.maximum(x @ matrix + shift, 0)
        return x @ weight + bias
