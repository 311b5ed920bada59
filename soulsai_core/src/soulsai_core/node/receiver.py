"""Sample messages are fetched in a thread of their own, so that no update waits for the server."""

from __future__ import annotations

import queue
import random
from collections.abc import Callable

from soulsai_core.contracts import Entry, Transport
from soulsai_core.threads import BackgroundWorker, RetryingThread

_CHUNK = 256
"""Messages that are read from the server at a time, at most."""

_CHUNK_BYTES = 32 * 2**20
"""Bytes of messages that are read at a time, about. A server cuts connections with very large answers."""

_CHUNKS = 4
"""Chunks that wait for the loop at most. More would be read early, only to grow old here instead of in the server."""

_BLOCK = 0.2
"""Seconds that one read, or one wait for room in the queue, takes at most."""


class SampleReceiver(BackgroundWorker):
    """Reads ahead by a few chunks of messages. A message stays in the server until the loop has processed it.

    Args:
        on_reconnect: called in its thread when the server is back.
    """

    def __init__(self, transport: Transport, rng: random.Random, on_reconnect: Callable[[], object]) -> None:
        self._transport = transport
        self._queue: queue.Queue[list[Entry]] = queue.Queue(_CHUNKS)
        self._last_read = ""
        self._processed = ""
        self._released = ""
        self._count = 16
        self._thread = RetryingThread(
            "sample-receiver", self._step, rng, on_loss=self._begin_anew, on_reconnect=on_reconnect
        )

    def get(self, timeout: float) -> list[Entry]:
        """The next messages in order, [] if none came in `timeout` seconds. Raises what ended the thread."""
        self.check()
        try:
            return self._queue.get(block=timeout > 0, timeout=timeout or None)
        except queue.Empty:
            return []

    def processed(self, last: str) -> None:
        """All messages up to this id were processed, and may be removed from the server."""
        # Only noted: the thread releases them together with its next read, so that the loop waits for no answer.
        self._processed = last

    def close(self) -> None:
        """Stop reading, and release what was processed."""
        self.stop()
        self._thread.join(2 * _BLOCK + 1.0)
        self._release()

    def _step(self) -> None:
        self._release()
        # Fewer next time, unless this read succeeds: its answer may be what breaks the connection.
        count = min(self._count, _CHUNK)
        self._count = max(count // 2, 1)
        entries = self._transport.read_samples(self._last_read, count, _BLOCK)
        self._count = count
        if entries:
            self._adapt(entries)
            self._last_read = entries[-1].id
            self._enqueue(entries)

    def _begin_anew(self) -> None:
        """A server that comes back may have lost its memory, and its clock may be another: older ids then tell
        nothing. What is read twice is recognized as a repeat."""
        self._last_read = ""
        self._processed = ""
        self._released = ""

    def _adapt(self, entries: list[Entry]) -> None:
        """Read as many messages next time as have about the right size, by the largest of these."""
        largest = max(len(entry.payload) for entry in entries)
        self._count = max(1, min(_CHUNK, 2 * self._count, _CHUNK_BYTES // max(largest, 1)))

    def _enqueue(self, entries: list[Entry]) -> None:
        while not self._thread.stopping:
            try:
                self._queue.put(entries, timeout=_BLOCK)
                return
            except queue.Full:
                self._release()

    def _release(self) -> None:
        processed = self._processed
        if processed != self._released:
            self._transport.release_samples(processed)
            self._released = processed
