"""What goes wrong with a real game on a real PC, on demand."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from typing import Literal

FaultKind = Literal["freeze", "crash", "exit", "dialog", "lost_focus", "slow_frame"]
"""freeze: the game's clock stands still. crash: the game is gone, reading its memory fails. exit: the process that
plays is gone. dialog: a message that nobody closes keeps the game from taking input and from going on after a reload.
lost_focus: another window takes the keys. slow_frame: one frame takes long."""


class Faults:
    """Which faults are there, and when the next one comes.

    Args:
        kinds: to draw from.
        every: mean number of environment steps between two; None injects only what `inject` says.
        exact: every so many steps instead of at random.
        slow: seconds of a slow frame.
    """

    def __init__(
        self,
        rng: random.Random,
        kinds: Sequence[FaultKind] = (),
        every: float | None = None,
        *,
        exact: bool = False,
        slow: float = 1.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.active: set[FaultKind] = set()
        self._rng = rng
        self._kinds = tuple(kinds)
        self._every = every
        self._exact = exact
        self._slow = slow
        self._sleep = sleep
        self._steps_left = self._draw()

    def _draw(self) -> float:
        if self._every is None or not self._kinds:
            return float("inf")
        return self._every if self._exact else self._rng.expovariate(1 / self._every)

    def stepped(self) -> None:
        """An environment step begins."""
        self._steps_left -= 1
        if self._steps_left < 0:
            self._steps_left = self._draw()
            self.inject(self._rng.choice(self._kinds))

    def inject(self, kind: FaultKind) -> None:
        """From now on, this is wrong."""
        if kind == "exit":
            os._exit(3)
        if kind == "slow_frame":
            self._sleep(self._slow)
        else:
            self.active.add(kind)

    def wait(self) -> None:
        """Let real time pass where game time does not, without keeping a core busy."""
        self._sleep(0.001)
