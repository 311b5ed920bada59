"""How long an environment's steps take, and whether it still gives enough of them."""

from __future__ import annotations

import math

from soulsai_core.errors import EnvironmentFailure
from soulsai_core.messages import Step

_MINUTE = 60.0  # seconds


class Watchdog:
    """Measures the time spent in the environment. Time in which a client waits for the server does not count.

    Args:
        late_after: seconds after which a step is late; None: never.
        min_per_minute: steps that the environment must give in a minute of its time; 0: any number.

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

    def begin(self, environments: int) -> None:
        """This many environments, stepped together, were started. A new minute begins."""
        self._environments = environments
        self._minute = 0.0
        self._in_minute = 0

    def check_step(self, seconds: float, after: Step) -> bool:
        """Count a step that took `seconds`. Returns whether it was late.

        Raises EnvironmentFailure if there were too few steps in the last minute.
        """
        self._minute += seconds
        self._in_minute += 1
        if self._minute >= _MINUTE:
            self._check_minute()
        # A reset takes longer than a step, and no action depends on it: it is never late, but counts for the minute.
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
        """Mean and longest time in seconds of the steps since the last call; zeros if there were none."""
        mean = self._seconds / max(self._steps, 1)
        slowest = self._slowest
        self._seconds = 0.0
        self._steps = 0
        self._slowest = 0.0
        return mean, slowest

    def _check_minute(self) -> None:
        # The last step of the minute may have taken much longer than the rest of it: what counts is the rate.
        per_minute = self._in_minute * self._environments * _MINUTE / self._minute
        self._minute = 0.0
        self._in_minute = 0
        if per_minute < self._min_per_minute:
            raise EnvironmentFailure(
                f"The environment gave {per_minute:.0f} steps in a minute, and {self._min_per_minute:g} are wanted."
            )
