"""Server-sent events: one writer and many readers, of which a slow one delays no other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

# Readers at a time. Each keeps a connection.
_MAX_READERS = 64
# Messages that may wait for one reader.
_MAX_WAITING = 64
# Seconds without a message after which a comment is sent, so that proxies do not cut the connection.
_KEEP_ALIVE = 15.0


class EventStream:
    """Messages for all connected readers. One that is too far behind is cut; its browser then connects again.

    Attributes:
        had_readers: True once a reader has connected.
    """

    def __init__(self) -> None:
        # Replaced, never changed: the server's thread adds and removes readers while others send.
        self._readers: frozenset[_Reader] = frozenset()
        self._closed = False
        self.had_readers = False

    @property
    def has_readers(self) -> bool:
        """True while a reader is connected."""
        return bool(self._readers)

    def send(self, event: str, value: Any) -> None:
        """Send `value` as JSON to all readers, from any thread; returns at once."""
        message = b"event: %s\ndata: %s\n\n" % (event.encode(), msgspec.json.encode(value))
        for reader in self._readers:
            reader.put(message)

    def response(self, first: bytes) -> StreamingResponse:
        """`first`, then what is sent from now on; ends with `close`. Called in the server's event loop.

        Raises HTTPException if there are too many readers.
        """
        if self._closed or len(self._readers) >= _MAX_READERS:
            raise HTTPException(503, "The page has too many readers, or is being closed.")
        return _Reader(self, first)

    def close(self) -> None:
        """End all responses, after what was sent."""
        self._closed = True
        for reader in self._readers:
            reader.put(None)

    def _add(self, reader: _Reader) -> None:
        self.had_readers = True
        self._readers |= {reader}

    def _remove(self, reader: _Reader) -> None:
        self._readers -= {reader}


class _Reader(StreamingResponse):
    """The response for one reader: messages from a queue, until None."""

    media_type = "text/event-stream"

    def __init__(self, stream: EventStream, first: bytes) -> None:
        # The second header keeps NGINX from collecting messages.
        super().__init__(self._messages(first), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(_MAX_WAITING)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._stream._add(self)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._stream._remove(self)

    def put(self, message: bytes | None) -> None:
        """Queue a message, from any thread; None ends the response."""
        # RuntimeError: the server was closed meanwhile.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._put, message)

    def _put(self, message: bytes | None) -> None:
        if self._queue.full():
            while not self._queue.empty():
                self._queue.get_nowait()
            message = None
        self._queue.put_nowait(message)

    async def _messages(self, first: bytes) -> AsyncIterator[bytes]:
        # A browser that loses the connection tries again after 2000 ms.
        yield b"retry: 2000\n\n" + first
        while True:
            try:
                async with asyncio.timeout(_KEEP_ALIVE):
                    message = await self._queue.get()
            except TimeoutError:
                message = b": keep-alive\n\n"
            if message is None:
                return
            yield message
