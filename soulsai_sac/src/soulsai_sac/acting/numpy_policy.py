"""The policy's network in numpy: clients need no torch."""

from __future__ import annotations

import numpy as np

from soulsai_core import Arrays
from soulsai_sac.networks.deviation import LOG_STD_HIGH, LOG_STD_LOW


class NumpyPolicy:
    """A Gaussian before squashing by tanh.

    Args:
        arrays: as `networks.policy.Policy` names them: "layers.<i>.weight" (in, out) and "layers.<i>.bias" (out,).
        hidden: number of hidden layers.
    """

    def __init__(self, arrays: Arrays, hidden: int) -> None:
        self._layers = [(arrays[f"layers.{i}.weight"], arrays[f"layers.{i}.bias"]) for i in range(hidden + 1)]

    def __call__(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation (n, actions) for observations (n, size)."""
        *hidden, (weight, bias) = self._layers
        for matrix, shift in hidden:
            x = np.maximum(x @ matrix + shift, 0)
        mean, spread = np.split(x @ weight + bias, 2, axis=1)
        return mean, np.exp(LOG_STD_LOW + (LOG_STD_HIGH - LOG_STD_LOW) / 2 * (np.tanh(spread) + 1))
