"""The thread that fetches sample messages: all of them, in order, a bounded number ahead."""

import random

import pytest
from waiting import wait_for

from soulsai_core.errors import TransportError
from soulsai_core.node.receiver import SampleReceiver
from soulsai_core.transport.memory import MemoryTransport


@pytest.fixture
def outside(server):
    return MemoryTransport(server)


@pytest.fixture
def receiver(server):
    receiver = SampleReceiver(MemoryTransport(server), random.Random(0), lambda: None)
    yield receiver
    receiver.close()


def received(receiver, count):
    entries = []
    for _ in range(50):
        entries += receiver.get(1.0)
        if len(entries) >= count:
            return entries
    pytest.fail(f"only {len(entries)} of {count} messages came")


def test_all_messages_arrive_in_order(receiver, outside):
    sent = [b"%d" % n for n in range(3000)]
    outside.push_samples(sent)
    receiver.start()
    assert [entry.payload for entry in received(receiver, 3000)] == sent
    assert receiver.get(0) == []


def test_processed_messages_and_no_others_are_released(receiver, outside):
    outside.push_samples([b"1", b"2", b"3"])
    receiver.start()
    entries = received(receiver, 3)
    assert outside.backlog() == 3
    receiver.processed(entries[1].id)
    receiver.close()
    assert outside.backlog() == 1


def test_number_of_messages_read_ahead_is_bounded(receiver, outside, monkeypatch):
    monkeypatch.setattr("soulsai_core.node.receiver._CHUNK", 2)
    outside.push_samples([b"%d" % n for n in range(40)])
    receiver.start()
    assert [entry.payload for entry in receiver.get(60.0)] == [b"0", b"1"]
    wait_for("a full queue", receiver._queue.full, pause=0.001)
    receiver.close()
    chunks = 1 + 4 + 1  # one was given to us, four fill the queue, and one waits for room in it
    assert int(receiver._last_read) <= 2 * chunks


def test_large_messages_are_read_few_at_a_time(receiver, outside, monkeypatch):
    monkeypatch.setattr("soulsai_core.node.receiver._CHUNK_BYTES", 1000)
    outside.push_samples([b"x" * 400 for _ in range(40)])
    receiver.start()
    first, *chunks = [receiver.get(60.0) for _ in range(6)]
    assert len(first) == 16 and all(len(chunk) == 2 for chunk in chunks)


def test_read_whose_answer_is_too_large_for_the_server_is_tried_with_fewer_messages(receiver, outside, monkeypatch):
    transport, counts = receiver._transport, []

    def read(after, count, timeout):
        counts.append(count)
        if count > 3:
            raise TransportError("cut")
        return MemoryTransport.read_samples(transport, after, count, timeout)

    monkeypatch.setattr(transport, "read_samples", read)
    outside.push_samples([b"x"])
    receiver.start()
    received(receiver, 1)
    assert counts[:4] == [16, 8, 4, 2]
