"""Server-sent events."""

import threading

import pytest

from soulsai_telemetry.page.events import EventStream


@pytest.fixture
def stream():
    made = EventStream()
    yield made
    made.close()


def test_reader_gets_its_first_event_and_what_is_sent_from_then_on(stream):
    stream.send("state", {"too": "early"})
    reader = stream.read(b"hello\n\n")
    assert next(reader) == b"retry: 2000\n\nhello\n\n"
    stream.send("state", {"a": 1})
    assert next(reader) == b'event: state\ndata: {"a":1}\n\n'


def test_every_reader_gets_every_event(stream):
    readers = [stream.read(b"") for _ in range(3)]
    for reader in readers:
        next(reader)
    stream.send("a", 1)
    assert [next(reader) for reader in readers] == [b"event: a\ndata: 1\n\n"] * 3


def test_reader_that_fell_behind_gets_a_reload(stream):
    reader = stream.read(b"")
    next(reader)
    for i in range(1000):
        stream.send("a", i)
    assert next(reader).startswith(b"event: reload")
    stream.send("a", "new")
    assert next(reader) == b'event: a\ndata: "new"\n\n'


def test_stream_has_readers_only_while_they_are_connected(stream):
    assert not stream.has_readers
    reader = stream.read(b"")
    next(reader)
    assert stream.has_readers
    reader.close()
    assert not stream.has_readers


def test_close_ends_waiting_readers(stream):
    started = threading.Event()
    ended = threading.Event()

    def read():
        for _ in stream.read(b""):
            started.set()
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    assert started.wait(60)
    stream.close()
    assert ended.wait(60)
