"""Server-sent events: one writer, many readers, and nobody waits for a slow one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

import msgspec

_KEPT = 64
_KEEP_ALIVE = 15.0


class EventStream:
    """Messages for whoever listens. A reader that falls too far behind is told to load everything anew."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._messages: deque[bytes] = deque(maxlen=_KEPT)
        self._sent = 0
        self._readers = 0
        self._closed = False

    @property
    def wanted(self) -> bool:
        """Somebody listens."""
        return self._readers > 0

    def send(self, event: str, value: Any) -> None:
        """Tell everybody; returns at once."""
        message = b"event: %s\ndata: %s\n\n" % (event.encode(), msgspec.json.encode(value))
        with self._changed:
            self._messages.append(message)
            self._sent += 1
            self._changed.notify_all()

    def read(self, first: bytes) -> Iterator[bytes]:
        """What is sent from now on, after `first`; ends with `close`."""
        with self._changed:
            position = self._sent
            self._readers += 1
        try:
            yield b"retry: 2000\n\n" + first
            while not self._closed:
                chunk, position = self._next(position)
                yield chunk
        finally:
            with self._changed:
                self._readers -= 1

    def close(self) -> None:
        """Let all readers go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next(self, position: int) -> tuple[bytes, int]:
        with self._changed:
            self._changed.wait_for(lambda: self._sent > position or self._closed, _KEEP_ALIVE)
            missed = self._sent - position
            if missed == 0:
                return b": still here\n\n", position
            if missed > len(self._messages):
                return b"event: reload\ndata: {}\n\n", self._sent
            return b"".join(list(self._messages)[-missed:]), self._sent
