"""Time in the simulated game: it advances when it is read, as fast as the computer can unless a pace is given."""

from __future__ import annotations

import time
from collections.abc import Callable

TICK = 8
"""Milliseconds of game time between two readings, and the simulation's time step.

soulsgym then measures environment steps of 96 ms; in the recorded fight they take 97 ms."""

_MAX_LAG_S = 0.05


class VirtualClock:
    """Game time in milliseconds, and the simulated wall clock.

    At a game speed of 2, two seconds of game time pass in one second of the wall clock.

    Args:
        pace: wall-clock seconds of the game in a real second; None does not wait for real time.
        now, sleep: real time in seconds.
    """

    def __init__(
        self,
        pace: float | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.milliseconds = 0
        self.speed = 1.0
        self._wall_s = 0.0
        self._pace = pace
        self._now = now
        self._sleep = sleep
        self._started = now()

    def tick(self) -> None:
        """Advance by one tick of game time."""
        self.milliseconds += TICK
        self._wall_s += TICK / (1000 * self.speed)
        if self._pace is not None:
            self._keep_pace(self._pace)

    def skip(self, seconds: float) -> None:
        """Advance without simulating anything, as during a loading screen."""
        self.milliseconds += round(seconds * 1000)
        self._wall_s += seconds

    def wall_time(self) -> float:
        """Seconds of the simulated wall clock, which replaces `time.time()` in soulsgym's reset."""
        return self._wall_s

    def _keep_pace(self, pace: float) -> None:
        due = self._started + self._wall_s / pace
        now = self._now()
        if due > now:
            self._sleep(due - now)
        elif due < now - _MAX_LAG_S:
            # Time lost elsewhere, such as in choosing an action while the game was paused, is not caught up with.
            self._started = now - self._wall_s / pace
