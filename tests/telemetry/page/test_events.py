"""Server-sent events."""

import itertools
import threading

import pytest

from soulsai_telemetry.page.events import EventStream


@pytest.fixture
def stream():
    made = EventStream()
    yield made
    made.close()


def test_a_reader_gets_its_greeting_and_what_is_sent_from_then_on(stream):
    stream.send("state", {"too": "early"})
    reader = stream.read(b"hello\n\n")
    assert next(reader) == b"retry: 2000\n\nhello\n\n"
    stream.send("state", {"a": 1})
    assert next(reader) == b'event: state\ndata: {"a":1}\n\n'


def test_every_reader_gets_everything(stream):
    readers = [stream.read(b"") for _ in range(3)]
    for reader in readers:
        next(reader)
    stream.send("a", 1)
    assert [next(reader) for reader in readers] == [b"event: a\ndata: 1\n\n"] * 3


def test_a_reader_that_fell_behind_is_told_to_load_anew(stream):
    reader = stream.read(b"")
    next(reader)
    for i in range(1000):
        stream.send("a", i)
    assert next(reader).startswith(b"event: reload")
    stream.send("a", "fresh")
    assert next(reader) == b'event: a\ndata: "fresh"\n\n'


def test_it_is_wanted_only_while_somebody_reads(stream):
    assert not stream.wanted
    reader = stream.read(b"")
    next(reader)
    assert stream.wanted
    reader.close()
    assert not stream.wanted


def test_close_lets_waiting_readers_go(stream):
    ended = threading.Event()

    def read():
        for _ in itertools.islice(stream.read(b""), 10):
            pass
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    stream.close()
    assert ended.wait(5)
