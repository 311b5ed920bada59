"""A inboxes made for tests: what contributors handed in lies in lists."""

import random

import msgspec
import numpy as np
import pytest

from soulsai_core.config import ContributorSettings, TrainingSettings
from soulsai_core.contributors.gate import Gate
from soulsai_core.contributors.inbox import Inboxes, InboxSize, Message
from soulsai_core.contributors.statistics import ContributorStatistics
from soulsai_core.messages import ClientInfo, Episode
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.steps import StepBatch
from soulsai_core.transport.keys import EPISODE, HEARTBEAT, SAMPLES
from soulsai_core.transport.limits import StreamLimits
from soulsai_core.wire import encode_steps

SESSION = "training-1"


class ListDoor(Inboxes):
    """Streams as lists; `bytes` is what a stream is said to take of the server's memory."""

    limits = StreamLimits(max_entries=400, max_bytes=2**20)

    def __init__(self):
        self.streams, self.bytes, self.out = {}, {}, set()
        self.samples, self.episodes, self.clients = [], [], {}
        self.waiting, self.statistics = 0, None
        self.calls = []

    def invite(self, name):
        self.streams[name] = []

    def put(self, name, kind, payload):
        number = sum(map(len, self.streams.values())) + len(self.samples) + 1
        self.streams[name].append(Message(f"{number}-0", kind, payload, len(payload) + 1))

    def contributors(self):
        return sorted(self.streams)

    def size(self, names):
        return InboxSize(self.waiting, 0), {n: InboxSize(len(self.streams[n]), self.bytes.get(n, 0)) for n in names}

    def read(self, names, count, timeout):
        return {name: self.streams[name][:count] for name in names if self.streams[name]}

    def deliver(self, delivery):
        self.samples += delivery.samples
        self.episodes += delivery.episodes
        self.clients |= delivery.heartbeats
        for client in delivery.farewells:
            self.clients.pop(client, None)
        for name, done in delivery.done.items():
            self.streams[name] = [message for message in self.streams[name] if message.id not in done]

    def discard(self, name):
        count, self.streams[name] = len(self.streams[name]), []
        return count

    def suspend(self, name):
        self.out.add(name)

    def restore(self, name):
        self.out.discard(name)
        self.calls.append(("restore", name))

    def write_statistics(self, payload):
        self.statistics = payload

    def read_statistics(self):
        return self.statistics


@pytest.fixture
def inboxes():
    return ListDoor()


@pytest.fixture
def metrics():
    return NodeMetrics()


@pytest.fixture
def statistics(tmp_path):
    return ContributorStatistics(tmp_path / "contributors.json")


@pytest.fixture
def gate(inboxes, statistics, metrics, clock):
    """(settings by name) -> a gate at the inboxes, whose steps the test takes itself."""

    def make(**settings):
        training = TrainingSettings(contributors=ContributorSettings(**settings))
        return Gate(inboxes, SESSION, training, statistics, metrics, clock, random.Random(0))

    return make


@pytest.fixture
def message():
    """(client, number, values) -> a sample message."""

    def make(client="bob@pc-1", number=1, run_id=SESSION, rows=2):
        columns = {"observation": np.zeros((rows, 2), np.float32), "reward": np.zeros(rows, np.float32)}
        after = {"observation": np.zeros((1, 2), np.float32)}
        steps = StepBatch(np.array([[0, 0, rows, 0, 0, 1, 0]]), columns, after)
        return encode_steps(run_id, client, number, steps)

    return make


@pytest.fixture
def episode():
    """(changes by name) -> an episode report as (kind, bytes)."""

    def make(**changes):
        values = {"id": "bob@pc-1-1", "client": "bob@pc-1", "total_reward": 1.5, "length": 5, "iteration": 0}
        values |= {"seconds": 1.0, "run_id": SESSION, **changes}
        return EPISODE, msgspec.json.encode(Episode(**values))

    return make


@pytest.fixture
def heartbeat():
    """(client, numbers by name) -> a sign of life as (kind, bytes)."""

    def make(client="bob@pc-1", **numbers):
        return HEARTBEAT, msgspec.json.encode(ClientInfo(client, **{"host": "pc", **numbers}))

    return make


@pytest.fixture
def samples():
    return SAMPLES
