"""Back-pressure: how much a client may have under way, so that samples are not made to be rejected."""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable

log = logging.getLogger(__name__)


class Window:
    """Counts the rows that were sent and not yet taken in by the node, against the window that the node allows.

    Thread-safe. Lost messages never block a client for good: a new node forgets what was sent to the old one, `reset`
    forgets everything, and so does a node that speaks but has acknowledged nothing for `patience` seconds.

    Args:
        limited: False lets the client go on whatever is under way (the setting "drop").
        clock: monotonic seconds.
    """

    def __init__(self, *, limited: bool, clock: Callable[[], float], patience: float = 10.0) -> None:
        self._limited = limited
        self._clock = clock
        self._patience = patience
        self._moved = 0.0
        self._changed = threading.Condition()
        self._under_way: deque[tuple[int, int]] = deque()
        self._rows = 0
        self._node = ""
        self.size = 1

    def sent(self, number: int, rows: int) -> None:
        """Message `number` with so many rows is on its way."""
        with self._changed:
            if not self._under_way:
                self._moved = self._clock()
            self._under_way.append((number, rows))
            self._rows += rows

    def acknowledged(self, node: str, number: int, window: int) -> None:
        """The node has taken in this client's messages up to `number`, and allows so many rows under way."""
        with self._changed:
            if node != self._node:
                self._node = node
                self._forget()
            while self._under_way and self._under_way[0][0] <= number:
                self._rows -= self._under_way.popleft()[1]
                self._moved = self._clock()
            if self._under_way and self._clock() - self._moved > self._patience:
                log.warning("%d rows on their way were lost; going on.", self._rows)
                self._forget()
            self.size = window
            self._changed.notify_all()

    def reset(self) -> None:
        """The server was away: what was under way may be lost, and nobody would acknowledge it."""
        with self._changed:
            self._forget()
            self._changed.notify_all()

    @property
    def room(self) -> float:
        """So many rows may be added; any number, if nothing is under way."""
        return self.size - self._rows if self._limited and self._rows else math.inf

    def has_room(self, rows: int) -> bool:
        """True if so many rows may be added."""
        return rows <= self.room

    def wait_for_room(self, rows: int, timeout: float) -> bool:
        """Block until there is room for so many rows; False after the time-out."""
        with self._changed:
            return self._changed.wait_for(lambda: self.has_room(rows), timeout)

    def _forget(self) -> None:
        self._under_way.clear()
        self._rows = 0
