"""Time in the simulated game: it moves on when it is read, and as fast as the computer can unless a pace is given."""

from __future__ import annotations

import time
from collections.abc import Callable

TICK = 8
"""Milliseconds of game time that pass with each reading, and that the simulation is computed in. soulsgym then
measures steps of 96 ms; in the recorded fight they take 97."""


class VirtualClock:
    """Game time in milliseconds, and the wall clock that belongs to it.

    Args:
        pace: game seconds that pass in a real second at speed 1; None does not wait.
        now, sleep: real seconds.
    """

    def __init__(
        self,
        pace: float | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.milliseconds = 0
        self.speed = 1.0
        self._wall = 0.0
        self._pace = pace
        self._now = now
        self._sleep = sleep
        self._started = now()

    def tick(self) -> None:
        """One tick of game time passes."""
        self.milliseconds += TICK
        self._wall += TICK / (1000 * self.speed)
        if self._pace is not None:
            self._keep_pace(self._pace)

    def skip(self, seconds: float) -> None:
        """Game time passes in which nothing happens."""
        self.milliseconds += round(seconds * 1000)
        self._wall += seconds

    def wall(self) -> float:
        """What a clock on the wall would show, in seconds: stands behind `time.time()` of soulsgym's reset."""
        return self._wall

    def _keep_pace(self, pace: float) -> None:
        """Time lost elsewhere, such as in choosing an action while the game was paused, is not caught up with."""
        due = self._started + self._wall / pace
        now = self._now()
        if due > now:
            self._sleep(due - now)
        elif due < now - 0.05:
            self._started = now - self._wall / pace
