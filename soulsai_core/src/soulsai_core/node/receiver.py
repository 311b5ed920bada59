"""The training node's ear: sample messages are fetched in a thread of its own, so that no update waits for a socket."""

from __future__ import annotations

import queue
import random

from soulsai_core.contracts import Entry, Transport
from soulsai_core.threads import Supervised, SupervisedLoop

_CHUNK = 256
_CHUNKS = 4
_BLOCK = 0.2


class SampleReceiver(Supervised):
    """Reads ahead by a few chunks of messages; a message is released in the server once the loop has taken it in."""

    def __init__(self, transport: Transport, rng: random.Random) -> None:
        self._transport = transport
        self._queue: queue.Queue[list[Entry]] = queue.Queue(_CHUNKS)
        self._last_read = ""
        self._consumed = ""
        self._released = ""
        self._loop = SupervisedLoop("sample-receiver", self._step, rng)

    def get(self, timeout: float) -> list[Entry]:
        """The next messages in order, [] if none came in time. Raises what ended the reading thread."""
        self.check()
        try:
            return self._queue.get(block=timeout > 0, timeout=timeout or None)
        except queue.Empty:
            return []

    def consumed(self, last: str) -> None:
        """Everything up to this id has been taken in and may be forgotten."""
        self._consumed = last

    def close(self) -> None:
        """Stop reading, and release what was consumed."""
        self.stop()
        self._loop.join(2 * _BLOCK + 1.0)
        self._release()

    def _step(self) -> None:
        self._release()
        entries = self._transport.read_samples(self._last_read, _CHUNK, _BLOCK)
        if entries:
            self._last_read = entries[-1].id
            self._hand_over(entries)

    def _hand_over(self, entries: list[Entry]) -> None:
        while not self._loop.stopping:
            try:
                self._queue.put(entries, timeout=_BLOCK)
                return
            except queue.Full:
                self._release()

    def _release(self) -> None:
        consumed = self._consumed
        if consumed != self._released:
            self._transport.release_samples(consumed)
            self._released = consumed
