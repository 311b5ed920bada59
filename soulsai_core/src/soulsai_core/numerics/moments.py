"""Running normalization: mean and variance of all rows seen, merged batch by batch (Chan et al. 1979, equation 2.1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from soulsai_core.messages import Arrays

# Added to variances, so that a feature that never changes is not divided by 0.
_EPSILON = 1e-8


class RunningMoments:
    """Mean and variance of all rows seen; 0 and 1 before the first.

    Computed in float64, and merged from the moments of each batch: from sums of squares over millions of rows, the
    variance would be the small difference of two large numbers, and be lost to rounding.

    Args:
        shape: of one row.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.mean = np.zeros(shape)
        self.variance = np.ones(shape)
        self.count = 0.0

    def update(self, rows: np.ndarray) -> None:
        """Add rows (n, *shape)."""
        count = len(rows)
        if not count:
            return
        rows = rows.astype(np.float64)
        mean = rows.mean(axis=0)
        total = self.count + count
        delta = mean - self.mean
        # Squared deviations from the merged mean: those within each of the two parts, and that of their means.
        squares = self.variance * self.count + rows.var(axis=0) * count + delta * delta * (self.count * count / total)
        self.mean = self.mean + delta * (count / total)
        self.variance = squares / total
        self.count = total

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviation (*shape), never 0."""
        return np.sqrt(self.variance + _EPSILON)

    def scales(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and 1 / deviation, float32 (*shape), as `normalized` takes them and as they travel with weights."""
        return self.mean.astype(np.float32), (1 / self.deviation).astype(np.float32)

    def save(self) -> Arrays:
        """Copies of the mean, the variance and the count."""
        return {"mean": np.array(self.mean), "variance": np.array(self.variance), "count": np.array(self.count)}

    def load(self, arrays: Arrays) -> None:
        """Continue from what was saved. Raises KeyError or ValueError if it does not fit."""
        if arrays["mean"].shape != self.mean.shape or arrays["variance"].shape != self.variance.shape:
            raise ValueError(f"it normalizes {arrays['mean'].shape} features and here are {self.mean.shape}")
        self.mean = np.array(arrays["mean"])
        self.variance = np.array(arrays["variance"])
        self.count = float(arrays["count"])


def normalized(rows: Any, mean: np.ndarray, inverse: np.ndarray, clip: float) -> Any:
    """(rows - mean) * inverse clipped to +-clip, float32 (..., *shape); rows may be an array, or a tensor on any
    device."""
    if not isinstance(rows, np.ndarray):
        rows = rows - rows.new_tensor(mean)
        rows *= rows.new_tensor(inverse)
        return rows.clamp_(-clip, clip)
    # The first operation makes a new array, so that the others may work in place.
    rows = rows - mean
    rows *= inverse
    return np.clip(rows, -clip, clip, out=rows)
