"""Curves of several runs on one axis: moving average, common grid, and what they have in common. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from soulsai_core import bootstrap_interval, interquartile_mean

SEEDS_FOR_AN_INTERVAL = 3
"""Runs from which on the band is the interval of the interquartile mean: two have no middle half."""

_RESAMPLES = 500


@dataclass(frozen=True, slots=True)
class Band:
    """What several runs have in common.

    Attributes:
        x: (points,), positions on the axis.
        middle: (points,), the interquartile mean over the runs that have not ended; the curve of a single run.
        low, high: (points,), the 95% bootstrap interval of the interquartile mean; the lowest and the highest of two
            runs.
        runs: how many there are.
        curves: positions and values of each run, for itself.
    """

    x: np.ndarray
    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray
    runs: int
    curves: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    @property
    def meaning(self) -> str:
        """What line and band show, for a legend."""
        if self.runs >= SEEDS_FOR_AN_INTERVAL:
            return f"IQM of {self.runs} seeds, 95% interval"
        return "mean and range of 2 seeds" if self.runs == 2 else "1 seed"


def moving_average(values: np.ndarray, window: int) -> np.ndarray:
    """Mean of the last `window` values at each position, of fewer at the beginning; same shape (n,) as `values`."""
    sums = np.cumsum(np.insert(np.asarray(values, np.float64), 0, 0.0))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def with_gaps(x: np.ndarray, y: np.ndarray, shortest: float) -> tuple[np.ndarray, np.ndarray]:
    """A curve (n,) with a NaN in each gap of the axis, so that a line drawn through it is broken there.

    Args:
        shortest: a gap is at least so long, and 20 times as long as usual.
    """
    if len(x) < 3:
        return x, y
    steps = np.diff(x)
    gaps = np.flatnonzero(steps > max(shortest, 20 * float(np.median(steps)))) + 1
    return np.insert(x, gaps, (x[gaps - 1] + x[gaps]) / 2), np.insert(y, gaps, np.nan)


def band(curves: Sequence[tuple[np.ndarray, np.ndarray]], points: int = 200) -> Band:
    """What (x, y) curves have in common, at `points` positions on the part of the axis that all of them cover.

    Between two episodes a run keeps the value of the earlier one.
    """
    start = max(x[0] for x, _ in curves)
    end = min(x[-1] for x, _ in curves)
    # max: curves without a common part give a grid of one position
    grid = np.linspace(start, max(start, end), points)
    rows = np.stack([y[np.maximum(np.searchsorted(x, grid, side="right") - 1, 0)] for x, y in curves])
    if len(curves) < SEEDS_FOR_AN_INTERVAL:
        return Band(grid, rows.mean(axis=0), rows.min(axis=0), rows.max(axis=0), len(curves), list(curves))
    # Seeded: the same runs give the same figure.
    rng = np.random.default_rng(0)
    intervals = np.array([bootstrap_interval(column, rng, resamples=_RESAMPLES) for column in rows.T])
    middle = np.array([interquartile_mean(column) for column in rows.T])
    return Band(grid, middle, intervals[:, 0], intervals[:, 1], len(curves), list(curves))
