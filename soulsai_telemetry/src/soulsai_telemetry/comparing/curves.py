"""Curves of several runs on one axis: moving average, common grid, median and quartiles. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Band:
    """Median and quartiles over several runs.

    Attributes:
        x: (points,), positions on the axis.
        median, low, high: (points,); low and high are the first and the third quartile.
        runs: how many there are.
    """

    x: np.ndarray
    median: np.ndarray
    low: np.ndarray
    high: np.ndarray
    runs: int


def moving_average(values: np.ndarray, window: int) -> np.ndarray:
    """Mean of the last `window` values at each position, of fewer at the beginning; same shape (n,) as `values`."""
    sums = np.cumsum(np.insert(np.asarray(values, np.float64), 0, 0.0))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def band(curves: Sequence[tuple[np.ndarray, np.ndarray]], points: int = 500) -> Band:
    """Median and quartiles of (x, y) curves, at `points` positions on the part of the axis that all of them cover.

    Between two episodes a run keeps the value of the earlier one.
    """
    start = max(x[0] for x, _ in curves)
    end = min(x[-1] for x, _ in curves)
    # max: curves without a common part give a grid of one position
    grid = np.linspace(start, max(start, end), points)
    rows = np.stack([y[np.maximum(np.searchsorted(x, grid, side="right") - 1, 0)] for x, y in curves])
    low, median, high = np.quantile(rows, (0.25, 0.5, 0.75), axis=0)
    return Band(grid, median, low, high, len(curves))
