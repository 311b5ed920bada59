"""One connection: uvicorn's HTTP/1.1, with the limits that uvicorn lacks."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# Connections at a time. An open page keeps one for its events, and browsers open six for a while.
_MAX_CONNECTIONS = 200
# Seconds from a connection, or from the first byte of a request on it, to the end of that request's headers.
_HEAD_TIMEOUT = 10.0
# Seconds in which a reader must take what was sent.
_WRITE_TIMEOUT = 30.0


class Connection(H11Protocol):
    """A connection that is cut when its request or its reader is too slow, and when it is idle and others need room.

    uvicorn has a limit of connections of its own, `limit_concurrency`, but connections without a request count for
    it: those who open enough of them and say nothing would keep all others out.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None
        self._last_received = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # `pause_writing` is then called for the first byte that the reader does not take, not after 64 KiB.
        transport.set_write_buffer_limits(high=0)
        self._head_deadline = self._cut_after(_HEAD_TIMEOUT)
        if len(self.connections) > _MAX_CONNECTIONS:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        self._last_received = self.loop.time()
        # The deadline is that of the first byte: those that follow do not move it.
        if self._head_deadline is None:
            self._head_deadline = self._cut_after(_HEAD_TIMEOUT)
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._end_head_deadline()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_deadline = self._cut_after(_WRITE_TIMEOUT)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._end_write_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head_deadline()
        self._end_write_deadline()
        super().connection_lost(exc)

    def _make_room(self) -> None:
        """Cut the least useful connection: this one, the newest, if all others are being answered."""
        open_ones = [other for other in self.connections if isinstance(other, Connection) and not other._is_gone()]
        if len(open_ones) > _MAX_CONNECTIONS:
            min(open_ones, key=Connection._usefulness).transport.abort()

    def _usefulness(self) -> tuple[bool, bool, float]:
        """Those being answered come last, before them those whose reader has not taken the answer, and of each kind
        those that spoke last."""
        answering = self.conn.our_state in (h11.SEND_RESPONSE, h11.SEND_BODY)
        whole_request = self.conn.their_state is not h11.SEND_BODY
        return answering and whole_request, self.transport.get_write_buffer_size() > 0, self._last_received

    def _is_gone(self) -> bool:
        """True if the connection is closed, and uvicorn will hear of it in a moment."""
        return self.transport.is_closing() and self.transport.get_write_buffer_size() == 0

    def _cut_after(self, seconds: float) -> asyncio.TimerHandle:
        return self.loop.call_later(seconds, self.transport.abort)

    def _end_head_deadline(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _end_write_deadline(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None
