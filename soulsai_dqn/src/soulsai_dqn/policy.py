"""The Q-network in numpy: for one observation at a time it is several times as fast as torch, and needs no torch."""

from __future__ import annotations

import numpy as np

from soulsai_core import Arrays

_ZERO = np.zeros((), np.float32)


class NumpyMLP:
    """A multilayer perceptron with ReLU between its layers. Not for several threads at once.

    Args:
        arrays: "layers.<i>.weight" (out, in) and "layers.<i>.bias" (out,), float32, for i from 0.
    """

    def __init__(self, arrays: Arrays) -> None:
        # Each layer is one matrix (in + 1, out) with the bias as its last row: inputs that end in 1 take it along.
        self._layers = [_matrix(arrays, i) for i in range(len(arrays) // 2)]
        inputs = [np.ones(len(matrix), np.float32) for matrix in self._layers]
        places = [row[:-1] for row in inputs]
        self._first = places[0]
        self._hidden = [(row.dot, *rest) for row, *rest in zip(inputs, self._layers, places[1:], strict=False)]
        self._last = inputs[-1]

    def one(self, x: np.ndarray) -> np.ndarray:
        """Outputs (out,) for one input (in,)."""
        self._first[:] = x
        for dot, matrix, place in self._hidden:
            dot(matrix, place)
            np.maximum(place, _ZERO, out=place)
        return self._last.dot(self._layers[-1])

    def many(self, x: np.ndarray) -> np.ndarray:
        """Outputs (n, out) for inputs (n, in)."""
        for matrix in self._layers[:-1]:
            x = x @ matrix[:-1]
            x += matrix[-1]
            np.maximum(x, _ZERO, out=x)
        return x @ self._layers[-1][:-1] + self._layers[-1][-1]


def _matrix(arrays: Arrays, layer: int) -> np.ndarray:
    weight, bias = arrays[f"layers.{layer}.weight"], arrays[f"layers.{layer}.bias"]
    return np.ascontiguousarray(np.vstack([weight.T, bias]))
