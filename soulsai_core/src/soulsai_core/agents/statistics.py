"""Statistics of returns that hold for few values: the interquartile mean and its bootstrap interval (Agarwal et al.
2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice")."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def interquartile_mean(values: Sequence[float] | np.ndarray) -> float:
    """Mean of the middle half of the values; one on its edge counts in part. NaN without values.

    Less noisy than the median, and not moved by a few extreme values as the mean is.
    """
    return float(_middle_means(np.asarray(values, np.float64)[None])[0])


def bootstrap_interval(
    values: Sequence[float] | np.ndarray, rng: np.random.Generator, *, level: float = 0.95, resamples: int = 2000
) -> tuple[float, float]:
    """The percentile bootstrap interval of the interquartile mean: the range in which `level` of the interquartile
    means of `resamples` random draws lie, each of as many values as there are. (NaN, NaN) without values."""
    data = np.asarray(values, np.float64)
    if not len(data):
        return np.nan, np.nan
    means = _middle_means(data[rng.integers(len(data), size=(resamples, len(data)))])
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _middle_means(samples: np.ndarray) -> np.ndarray:
    """The interquartile mean of each row (rows, values)."""
    n = samples.shape[1]
    if not n:
        return np.full(len(samples), np.nan)
    # A value's weight is the part of it that lies between the quarters: 1 inside, less on their edges.
    edges = np.arange(n + 1.0).clip(n / 4, n - n / 4)
    return np.sort(samples, axis=1) @ np.diff(edges) / (n / 2)
