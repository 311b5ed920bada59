"""Gaps in curves over time: where nothing came for long, no line is drawn."""

from __future__ import annotations

import numpy as np

# A gap is at least five times as long as 95 % of the distances of two points, and at least 15 seconds long.
_TIMES = 5.0
_NEARLY_ALL = 0.95
_LEAST = 15.0
# It is also at least three times as long as the longest episode, during which nothing is reported.
_EPISODES = 3.0


def gap_length(x: np.ndarray, longest: float = 0.0) -> float:
    """Seconds between two points from which on there is a gap.

    Args:
        x: times of the points, rising.
        longest: seconds of the longest episode.
    """
    usual = float(np.quantile(np.diff(x), _NEARLY_ALL)) if len(x) > 1 else 0.0
    return max(_TIMES * usual, _EPISODES * longest, _LEAST)


def with_gaps(x: np.ndarray, columns: dict[str, list[float]], length: float) -> tuple[list[float], dict[str, list]]:
    """The columns with a point without values in the middle of each gap.

    Args:
        x: times, rising.
        length: seconds from which on there is a gap.
    """
    before = np.flatnonzero(np.diff(x) > length)
    if not len(before):
        return x.tolist(), dict(columns)
    middles = (x[before] + x[before + 1]) / 2
    times = np.insert(x, before + 1, middles).tolist()
    broken: dict[str, list] = {}
    for name, column in columns.items():
        values: list[float | None] = []
        start = 0
        for position in before.tolist():
            values += [*column[start : position + 1], None]
            start = position + 1
        broken[name] = [*values, *column[start:]]
    return times, broken
