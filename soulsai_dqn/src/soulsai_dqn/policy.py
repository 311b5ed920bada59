"""The Q-network in numpy: for one observation at a time it is several times as fast as torch, and needs no torch."""

from __future__ import annotations

import numpy as np

from soulsai_core import Arrays


class NumpyMLP:
    """A multilayer perceptron with ReLU between its layers.

    Args:
        arrays: "layers.<i>.weight" (out, in) and "layers.<i>.bias" (out,), float32, for i from 0.
    """

    def __init__(self, arrays: Arrays) -> None:
        layers = [(arrays[f"layers.{i}.weight"], arrays[f"layers.{i}.bias"]) for i in range(len(arrays) // 2)]
        self._hidden, self._last = layers[:-1], layers[-1]

    def one(self, x: np.ndarray) -> np.ndarray:
        """Outputs (out,) for one input (in,)."""
        for weight, bias in self._hidden:
            x = weight.dot(x)
            x += bias
            np.maximum(x, 0.0, out=x)
        weight, bias = self._last
        return weight.dot(x) + bias

    def many(self, x: np.ndarray) -> np.ndarray:
        """Outputs (n, out) for inputs (n, in)."""
        for weight, bias in self._hidden:
            x = x @ weight.T
            x += bias
            np.maximum(x, 0.0, out=x)
        weight, bias = self._last
        return x @ weight.T + bias
