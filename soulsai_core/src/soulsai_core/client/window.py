"""Back-pressure: how many rows a client may have under way, so that it makes none that would be rejected as stale."""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable

log = logging.getLogger(__name__)


class Window:
    """Counts the rows that were sent and not yet taken in by the node, against the window that the node allows.

    Lost messages never block a client for good. A new node knows nothing of what was sent to the old one, so that is
    forgotten; `reset` forgets everything; and so does a node that sends progress but has acknowledged nothing for
    `patience` seconds.

    Thread-safe: the client's thread adds rows, the downlink's thread acknowledges them, and each thread that finds the
    server back after it was away calls `reset`.

    Args:
        limited: False lets the client go on whatever is under way (the setting "drop").
        clock: monotonic seconds.
        patience: seconds.

    Attributes:
        size: rows that the node allows under way.
    """

    def __init__(self, *, limited: bool, clock: Callable[[], float], patience: float = 10.0) -> None:
        self._limited = limited
        self._clock = clock
        self._patience = patience
        self._changed = threading.Condition()
        # (number, rows) of each message under way, in the order in which they were sent.
        self._under_way: deque[tuple[int, int]] = deque()
        self._rows = 0
        self._last_progress = 0.0
        self._node = ""
        self.size = 1

    def sent(self, number: int, rows: int) -> None:
        """Message `number` with this many rows is under way."""
        with self._changed:
            # Patience begins with the oldest message under way. Without one, the node has nothing to acknowledge.
            if not self._under_way:
                self._last_progress = self._clock()
            self._under_way.append((number, rows))
            self._rows += rows

    def acknowledged(self, node: str, number: int, window: int) -> None:
        """The node has taken in this client's messages up to `number`, and allows `window` rows under way."""
        with self._changed:
            if node != self._node:
                self._node = node
                self._forget()
            while self._under_way and self._under_way[0][0] <= number:
                self._rows -= self._under_way.popleft()[1]
                self._last_progress = self._clock()
            # Judged only here, when the node has sent progress: a node that is silent may be busy with an update.
            if self._under_way and self._clock() - self._last_progress > self._patience:
                log.warning("%d rows on their way were lost; going on.", self._rows)
                self._forget()
            self.size = window
            self._changed.notify_all()

    def reset(self) -> None:
        """The server was away: messages under way may be lost, and would never be acknowledged."""
        with self._changed:
            self._forget()
            self._changed.notify_all()

    @property
    def room(self) -> float:
        """Rows that may be added; any number while nothing is under way, since a step of more environments than the
        window has rows could never be sent otherwise.

        Read without the lock: only the client's thread adds rows. What the other threads change meanwhile makes more
        room, or is a smaller window, which holds from the next look on.
        """
        return self.size - self._rows if self._limited and self._rows else math.inf

    def has_room(self, rows: int) -> bool:
        """Whether this many rows may be added."""
        return rows <= self.room

    def wait_for_room(self, rows: int, timeout: float) -> bool:
        """Block until there is room for this many rows; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self.has_room(rows), timeout)

    def _forget(self) -> None:
        self._under_way.clear()
        self._rows = 0
