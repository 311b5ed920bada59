"""The transport in memory and the one over Redis give the same answers to any sequence of calls."""

from concurrent.futures import ThreadPoolExecutor

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from soulsai_core.transport import StreamLimits
from soulsai_core.transport.memory import MemoryTransport

LIMITS = StreamLimits(max_entries=4, max_bytes=40)

payload = st.binary(max_size=12)
name = st.sampled_from(["a", "b", "c"])
number = st.integers(0, 5)
operations = st.one_of(
    st.tuples(st.just("push"), st.lists(payload, max_size=6)),
    st.tuples(st.just("read"), number, number),
    st.tuples(st.just("release"), number),
    st.tuples(st.just("episode"), payload),
    st.tuples(st.just("publish"), number, payload, payload),
    st.tuples(st.just("progress"), payload),
    st.tuples(st.just("listen")),
    st.tuples(st.just("model"), number),
    st.tuples(st.just("heartbeat"), name, payload),
    st.tuples(st.just("remove"), name),
    st.tuples(st.just("reply"), name, payload),
    st.tuples(st.just("command"), name, payload),
    st.tuples(st.just("state"), payload),
    st.tuples(st.just("clear")),
)


class Caller:
    """Does operations on one transport. In its answers ids are replaced by indices in the order of the stream."""

    def __init__(self, transport) -> None:
        self.transport = transport
        self.seen = [""]
        self.listening = self.heard = None

    def do(self, operation: str, *arguments):
        return getattr(self, operation)(*arguments)

    def push(self, payloads):
        self.transport.push_samples(payloads)
        return self.transport.backlog()

    def read(self, start, count):
        entries = self.transport.read_samples(self.seen[-1 - start % len(self.seen)], count + 1, 0.0)
        self.seen += [entry.id for entry in entries if entry.id not in self.seen]
        return [(self.seen.index(entry.id), entry.payload) for entry in entries]

    def release(self, place):
        if len(self.seen) > 1:
            self.transport.release_samples(self.seen[1 + place % (len(self.seen) - 1)])
        return self.transport.backlog()

    def episode(self, payload):
        self.transport.push_episodes([payload])
        return [entry.payload for entry in self.transport.read_episodes("", 100, 0.0)]

    def publish(self, iteration, payload, progress):
        self.transport.publish(iteration, payload, progress)
        return self.transport.read_progress()

    def progress(self, progress):
        self.transport.publish_progress(progress)
        return self.transport.read_progress()

    def listen(self):
        """What is there after the last wake-up; how many there were may differ, because only the newest counts."""
        newest = None
        while (message := self.transport.wait_progress(0.02)) is not None:
            newest = message
        return newest

    def model(self, newer_than):
        return self.transport.read_model(newer_than - 1)

    def heartbeat(self, client, info):
        self.transport.heartbeat(client, info)
        return {client: info for client, (_, info) in self.transport.roster().items()}

    def remove(self, client):
        self.transport.remove_client(client)
        return {client: info for client, (_, info) in self.transport.roster().items()}

    def reply(self, command, payload):
        self.transport.reply(command, payload)

    def command(self, command, payload):
        answer = self.transport.command(command, payload, 0.0)
        return answer, self.transport.read_commands(0.0)

    def clear(self):
        self.transport.clear()

    def state(self, payload):
        before = self.stored()
        self.transport.announce(payload)
        self.transport.write_status(payload)
        return before, self.stored()

    def stored(self):
        found = self.transport.read_status()
        return self.transport.read_config(), found and found[1]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(operations, max_size=30))
def test_both_transports_give_the_same_answers(connected, run_names, steps):
    both = [Caller(MemoryTransport(limits=LIMITS)), Caller(connected(next(run_names), LIMITS))]
    try:
        for step in steps:
            expected, answer = (one.do(*step) for one in both)
            assert answer == expected, step
    finally:
        for one in both:
            one.transport.close()


@pytest.mark.parametrize("size", [1, 10, 40, 1000])
def test_bound_of_a_stream_is_the_same_for_both(connected, run_names, size):
    both = [MemoryTransport(limits=LIMITS), connected(next(run_names), LIMITS)]
    for one in both:
        one.push_samples([b"x" * size] * 10)
    assert both[0].backlog() == both[1].backlog() == LIMITS.entries(size)


@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_several_threads_may_use_one_transport(connected, run_names, kind):
    transport = MemoryTransport() if kind == "memory" else connected(next(run_names))
    with ThreadPoolExecutor(8) as pool:
        for sender in range(8):
            pool.submit(lambda sender=sender: [transport.push_samples([b"%d %d" % (sender, n)]) for n in range(50)])
        received = []
        while len(received) < 400:
            received += transport.read_samples(received[-1].id if received else "", 64, 30.0)
    numbers = [tuple(map(int, entry.payload.split())) for entry in received]
    for sender in range(8):
        assert [number for origin, number in numbers if origin == sender] == list(range(50))
