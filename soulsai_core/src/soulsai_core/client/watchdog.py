"""How long an environment takes, and whether it still gives enough."""

from __future__ import annotations

import math

from soulsai_core.errors import EnvironmentFailure
from soulsai_core.messages import Step

_MINUTE = 60.0


class Watchdog:
    """Only time spent in the environment counts: a client that waits for the server is in good health.

    Args:
        late_after: seconds after which a step is late; None: never.
        min_per_minute: transitions that the environment must give in a minute of its time; 0: any number.

    Attributes:
        late_steps: steps that were late so far.
    """

    def __init__(self, *, late_after: float | None, min_per_minute: float) -> None:
        self.late_steps = 0
        self._late_after = math.inf if late_after is None else late_after
        self._min_per_minute = min_per_minute
        self._seconds = 0.0
        self._steps = 0
        self._slowest = 0.0
        self.begin(1)

    def begin(self, rows: int) -> None:
        """An environment of so many rows was started."""
        self._rows = rows
        self._minute = 0.0
        self._in_minute = 0

    def note(self, seconds: float, after: Step) -> bool:
        """A step took so long; True if it was late. A step that reset a row is measured by the minute only.

        Raises EnvironmentFailure if too little came in the last minute.
        """
        self._minute += seconds
        self._in_minute += 1
        if self._minute >= _MINUTE:
            self._judge()
        if after.final or after.valid is not None:
            return False
        self._seconds += seconds
        self._steps += 1
        if seconds > self._slowest:
            self._slowest = seconds
        if seconds <= self._late_after:
            return False
        self.late_steps += 1
        return True

    def take_times(self) -> tuple[float, float]:
        """Mean and longest seconds of the steps since the last call, zeros if there were none."""
        times = self._seconds / max(self._steps, 1), self._slowest
        self._seconds = 0.0
        self._steps = 0
        self._slowest = 0.0
        return times

    def _judge(self) -> None:
        per_minute = self._in_minute * self._rows * _MINUTE / self._minute
        self._minute = 0.0
        self._in_minute = 0
        if per_minute < self._min_per_minute:
            raise EnvironmentFailure(
                f"The environment gave {per_minute:.0f} samples in a minute, and {self._min_per_minute:g} are wanted."
            )
