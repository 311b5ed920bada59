"""Running normalisation: Welford's moments, merged batch by batch (Chan et al. 1979, equation 2.1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from soulsai_core import Arrays

MEAN, SCALE = "normalizer.mean", "normalizer.scale"
_CLIP = np.float32(10.0)
_EPSILON = 1e-8


class RunningMoments:
    """Mean and variance of all rows seen, in float64; before the first, 0 and 1.

    Args:
        size: length of a row.
    """

    def __init__(self, size: int) -> None:
        self._count = 0.0
        self._mean = np.zeros(size)
        self._squares = np.zeros(size)

    def update(self, rows: np.ndarray) -> None:
        """Take in (n, size)."""
        count, rows = len(rows), rows.astype(np.float64)
        if not count:
            return
        mean, total = rows.mean(0), self._count + count
        delta = mean - self._mean
        self._squares += np.square(rows - mean).sum(0) + delta**2 * (self._count * count / total)
        self._mean += delta * (count / total)
        self._count = total

    def arrays(self) -> Arrays:
        """What travels with the weights: float32 "normalizer.mean" and "normalizer.scale" (size,)."""
        variance = self._squares / self._count if self._count else np.ones_like(self._mean)
        return {MEAN: self._mean.astype(np.float32), SCALE: (1 / np.sqrt(variance + _EPSILON)).astype(np.float32)}

    def save(self) -> Arrays:
        """A copy of its numbers."""
        return {"count": np.array([self._count]), "mean": self._mean.copy(), "squares": self._squares.copy()}

    def load(self, arrays: Arrays) -> None:
        """Go on from what was saved. Raises KeyError or ValueError if it does not fit."""
        if arrays["mean"].shape != self._mean.shape:
            raise ValueError(f"it normalises {arrays['mean'].shape} features and here are {self._mean.shape}")
        self._count = float(arrays["count"][0])
        self._mean, self._squares = arrays["mean"].copy(), arrays["squares"].copy()


def normalized(rows: Any, arrays: Arrays) -> Any:
    """(rows - mean) * scale, cut to 10 deviations, float32 of the shape of `rows` (..., size), which are an array or a
    tensor on any device."""
    if not isinstance(rows, np.ndarray):
        rows = rows - rows.new_tensor(arrays[MEAN])
        rows *= rows.new_tensor(arrays[SCALE])
        return rows.clamp_(-float(_CLIP), float(_CLIP))
    rows = rows - arrays[MEAN]
    rows *= arrays[SCALE]
    return np.clip(rows, -_CLIP, _CLIP, out=rows)
