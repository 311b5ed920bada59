"""Counts per second, smoothed over a few seconds."""

from __future__ import annotations

from collections import deque


class Rate:
    """The growth of a count per second over the last `window` seconds."""

    def __init__(self, window: float = 5.0) -> None:
        self._window = window
        self._points: deque[tuple[float, float]] = deque()

    def note(self, now: float, count: float) -> float:
        """Take the count at the time `now`, in seconds. Returns the rate, 0 until there are two points."""
        self._points.append((now, count))
        # Of the points before the window the newest is kept, so that the rate is always over the whole window.
        while len(self._points) > 2 and self._points[1][0] <= now - self._window:
            self._points.popleft()
        then, before = self._points[0]
        return (count - before) / (now - then) if now > then else 0.0
