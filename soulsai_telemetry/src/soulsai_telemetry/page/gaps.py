"""Gaps in curves over time: where nothing came for long, no line is drawn."""

from __future__ import annotations

import numpy as np

# A gap is so many times as long as the usual distance of two points, and at least so many seconds.
_TIMES = 8.0
_LEAST = 15.0


def gap_length(x: np.ndarray) -> float:
    """Seconds between two points from which on there is a gap, for points at these times."""
    if len(x) < 2:
        return 4 * _LEAST
    return max(_TIMES * float(np.median(np.diff(x))), _LEAST)


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
