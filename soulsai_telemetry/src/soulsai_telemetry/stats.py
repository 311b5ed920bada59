"""Folds over a run's metrics: the moving average and the best. No clocks, no files."""

from __future__ import annotations

import math
from collections import deque


class MovingAverage:
    """Mean of the last `window` values. Summed anew each time: a running sum keeps all rounding errors."""

    def __init__(self, window: int) -> None:
        self.mean = math.nan
        self._values: deque[float] = deque(maxlen=window)

    @property
    def full(self) -> bool:
        """True once the whole window is covered."""
        return len(self._values) == self._values.maxlen

    def add(self, value: float) -> float:
        """Take in one value; returns the mean."""
        self._values.append(value)
        self.mean = sum(self._values) / len(self._values)
        return self.mean


class BestTracker:
    """The best of a growing series of scores; `mode` "max" or "min" says what is better."""

    def __init__(self, mode: str) -> None:
        self._sign = 1.0 if mode == "max" else -1.0
        self.score: float | None = None

    def add(self, score: float) -> bool:
        """True if this is better than all before."""
        if not self.beats(score, self.score):
            return False
        self.score = score
        return True

    def beats(self, score: float, other: float | None) -> bool:
        """Whether `score` is better than `other`; anything is better than nothing."""
        return other is None or self._sign * score > self._sign * other
