"""Server-sent events: one writer and many readers, of which a slow one delays no other."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

import msgspec

# Messages kept for readers that are behind.
_KEPT = 64
# Seconds without a message after which a comment is sent, so that proxies do not cut the connection.
_KEEP_ALIVE = 15.0


class EventStream:
    """Messages for all connected readers. One that is too far behind gets the event "reload" for what it missed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._messages: deque[bytes] = deque(maxlen=_KEPT)
        self._sent = 0
        self._readers = 0
        self._closed = False

    @property
    def has_readers(self) -> bool:
        """True while a reader is connected."""
        return self._readers > 0

    def send(self, event: str, value: Any) -> None:
        """Send `value` as JSON to all readers; returns at once."""
        message = b"event: %s\ndata: %s\n\n" % (event.encode(), msgspec.json.encode(value))
        with self._changed:
            self._messages.append(message)
            self._sent += 1
            self._changed.notify_all()

    def read(self, first: bytes) -> Iterator[bytes]:
        """`first`, then what is sent from now on; ends with `close`."""
        with self._changed:
            position = self._sent
            self._readers += 1
        try:
            # A browser that loses the connection tries again after 2000 ms.
            yield b"retry: 2000\n\n" + first
            while not self._closed:
                chunk, position = self._next(position)
                yield chunk
        finally:
            with self._changed:
                self._readers -= 1

    def close(self) -> None:
        """End all reads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next(self, position: int) -> tuple[bytes, int]:
        """The next bytes for a reader that has the first `position` messages, and its new position."""
        with self._changed:
            self._changed.wait_for(lambda: self._sent > position or self._closed, _KEEP_ALIVE)
            missed = self._sent - position
            if missed == 0:
                return b": keep-alive\n\n", position
            if missed > len(self._messages):
                return b"event: reload\ndata: {}\n\n", self._sent
            return b"".join(list(self._messages)[-missed:]), self._sent
