"""The moving average of a metric, and the best score so far. No clocks, no files."""

from __future__ import annotations

import math
from collections import deque


class MovingAverage:
    """Mean of the last `window` values.

    Attributes:
        mean: NaN before the first value.
    """

    def __init__(self, window: int) -> None:
        self.mean = math.nan
        self._values: deque[float] = deque(maxlen=window)

    @property
    def full(self) -> bool:
        """True once there are `window` values."""
        return len(self._values) == self._values.maxlen

    def add(self, value: float) -> float:
        """Take in one value; returns the mean."""
        self._values.append(value)
        # Summed from scratch: a running sum would keep the rounding error of every value that has left the window.
        self.mean = sum(self._values) / len(self._values)
        return self.mean


class BestTracker:
    """The best of a series of scores.

    Args:
        mode: "max" or "min", whether a higher or a lower score is better.

    Attributes:
        score: the best, None before the first.
    """

    def __init__(self, mode: str) -> None:
        self._sign = 1.0 if mode == "max" else -1.0
        self.score: float | None = None

    def add(self, score: float) -> bool:
        """Take in one score; True if it is better than all before."""
        if not self.beats(score, self.score):
            return False
        self.score = score
        return True

    def beats(self, score: float, other: float | None) -> bool:
        """Whether `score` is better than `other`; any score is better than None."""
        return other is None or self._sign * score > self._sign * other
