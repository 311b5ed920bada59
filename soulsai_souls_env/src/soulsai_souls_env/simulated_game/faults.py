"""Faults of a real game on a real PC, injected on demand."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from typing import Literal

FaultKind = Literal["freeze", "crash", "exit", "dialog", "lost_focus", "slow_frame"]
"""The kinds of faults.

- freeze: the game's clock stands still.
- crash: the game is gone, so reading its memory fails.
- exit: the process of the environment ends.
- dialog: a message box keeps the game from taking input and from continuing after a reload.
- lost_focus: another window takes the keys.
- slow_frame: one frame takes long.
"""


class Faults:
    """The active faults, and the schedule of the next one.

    Args:
        kinds: the faults to draw from.
        every: mean number of environment steps between two faults; None injects only with `inject`.
        exact: always `every` steps between two faults, instead of at random.
        slow_frame_s: duration of a slow frame in real seconds.
        sleep: sleeps for real seconds.

    Attributes:
        active: the faults that last until they are removed.
    """

    def __init__(
        self,
        rng: random.Random,
        kinds: Sequence[FaultKind] = (),
        every: float | None = None,
        *,
        exact: bool = False,
        slow_frame_s: float = 1.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.active: set[FaultKind] = set()
        self._rng = rng
        self._kinds = tuple(kinds)
        self._every = every
        self._exact = exact
        self._slow_frame_s = slow_frame_s
        self._sleep = sleep
        self._steps_left = self._draw_interval()

    def _draw_interval(self) -> float:
        if self._every is None or not self._kinds:
            return float("inf")
        return self._every if self._exact else self._rng.expovariate(1 / self._every)

    def on_step(self) -> None:
        """Count an environment step, and inject a fault if it is due."""
        self._steps_left -= 1
        if self._steps_left < 0:
            self._steps_left = self._draw_interval()
            self.inject(self._rng.choice(self._kinds))

    def inject(self, kind: FaultKind) -> None:
        """Make a fault happen now."""
        if kind == "exit":
            os._exit(3)  # without cleaning up, as when the process is killed
        if kind == "slow_frame":
            self._sleep(self._slow_frame_s)
        else:
            self.active.add(kind)

    def wait(self) -> None:
        """Sleep for a moment of real time, so that a loop that waits for game time does not keep a core busy."""
        self._sleep(0.001)
