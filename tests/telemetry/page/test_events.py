"""Server-sent events."""

import asyncio
import contextlib
import json
import threading

import pytest
from starlette.exceptions import HTTPException

from soulsai_telemetry.page import events
from soulsai_telemetry.page.events import EventStream


class Reader:
    """Takes a response as uvicorn would.

    Attributes:
        chunks: what was sent.
        taking: unset while the reader takes nothing.
    """

    def __init__(self, stream, first=b""):
        self.chunks = asyncio.Queue()
        self.taking = asyncio.Event()
        self.taking.set()
        self._gone = asyncio.Event()
        scope = {"type": "http", "asgi": {"spec_version": "2.3"}}
        self.task = asyncio.create_task(stream.response(first)(scope, self._receive, self._send))

    async def next(self):
        return (await asyncio.wait_for(self.chunks.get(), 60))["body"]

    async def leave(self):
        self._gone.set()
        await self.task

    async def _receive(self):
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        await self.taking.wait()
        if message["type"] == "http.response.body":
            self.chunks.put_nowait(message)


@pytest.fixture
def stream():
    return EventStream()


def with_readers(stream, use, count=1):
    """Run `use(*readers)` with readers that have got their first message, and end the stream."""

    async def run():
        readers = [Reader(stream, b"hello\n\n") for _ in range(count)]
        for reader in readers:
            assert await reader.next() == b"retry: 2000\n\nhello\n\n"
        await use(*readers)
        stream.close()
        await asyncio.wait_for(asyncio.gather(*(reader.task for reader in readers)), 60)

    asyncio.run(run())


def test_reader_gets_what_is_sent_from_its_beginning_on(stream):
    async def use(reader):
        stream.send("state", {"a": 1})
        assert await reader.next() == b'event: state\ndata: {"a":1}\n\n'

    stream.send("state", {"too": "early"})
    with_readers(stream, use)


def test_every_reader_gets_every_event_in_its_order(stream):
    async def use(*readers):
        thread = threading.Thread(target=lambda: [stream.send("a", i) for i in range(20)])
        thread.start()
        for reader in readers:
            received = [await reader.next() for _ in range(20)]
            assert [json.loads(chunk.partition(b"data: ")[2]) for chunk in received] == list(range(20))
        thread.join()

    with_readers(stream, use, count=3)


def test_reader_that_fell_behind_is_cut_and_others_are_not(stream):
    async def use(slow, other):
        slow.taking.clear()
        for i in range(events._MAX_WAITING + 2):
            stream.send("a", i)
            assert b"data: %d\n" % i in await other.next()
        slow.taking.set()
        await asyncio.wait_for(slow.task, 60)
        assert slow.chunks.qsize() <= 2  # what it was given before, and the end
        assert stream.has_readers

    with_readers(stream, use, count=2)


def test_silent_stream_is_kept_alive_with_comments(stream, monkeypatch):
    monkeypatch.setattr(events, "_KEEP_ALIVE", 0.05)

    async def use(reader):
        assert await reader.next() == b": keep-alive\n\n"

    with_readers(stream, use)


def test_stream_has_readers_only_while_they_are_connected(stream):
    async def use(reader):
        assert stream.has_readers
        await reader.leave()
        assert not stream.has_readers

    assert not stream.has_readers
    with_readers(stream, use)


def test_number_of_readers_is_limited(stream, monkeypatch):
    monkeypatch.setattr(events, "_MAX_READERS", 2)

    async def use(first, second):
        with pytest.raises(HTTPException) as raised:
            stream.response(b"")
        assert raised.value.status_code == 503
        await first.leave()
        stream.response(b"")

    with_readers(stream, use, count=2)


def test_close_ends_readers_after_what_was_sent(stream):
    async def use(reader):
        stream.send("stopped", 1)
        stream.close()
        assert [await reader.next() for _ in range(2)] == [b"event: stopped\ndata: 1\n\n", b""]
        with contextlib.suppress(HTTPException):
            stream.response(b"")
            raise AssertionError("a reader came after the end")

    with_readers(stream, use)


def test_sending_after_the_server_is_gone_is_harmless(stream):
    async def leave_open():
        reader = Reader(stream)
        await reader.next()
        reader.task.cancel()

    asyncio.run(leave_open())
    stream.send("a", 1)
    stream.close()
