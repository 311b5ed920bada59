"""Inboxes made for tests, and messages of the contributor bob."""

import random

import msgspec
import numpy as np
import pytest

from soulsai_core.config import ContributorSettings, TrainingSettings
from soulsai_core.contributors.connections import OpenConnections
from soulsai_core.contributors.gate import Gate
from soulsai_core.contributors.inbox import EPISODE, HEARTBEAT, SAMPLES, Inboxes, InboxSize, Message
from soulsai_core.contributors.statistics import ContributorStatistics
from soulsai_core.messages import ClientInfo, Episode
from soulsai_core.steps import StepBatch
from soulsai_core.transport.limits import StreamLimits
from soulsai_core.wire import encode_steps

RUN_ID = "training-1"


class ListInboxes(Inboxes):
    """Inboxes as lists.

    Attributes:
        waiting: contributor -> its messages.
        bytes: contributor -> what its inbox takes of the server's memory.
        backlog: messages in the run's own sample stream.
        suspended: contributors.
    """

    limits = StreamLimits(max_entries=400, max_bytes=2**20)

    def __init__(self):
        self.waiting, self.bytes, self.suspended = {}, {}, set()
        self.samples, self.episodes, self.clients = [], [], {}
        self.backlog, self.statistics, self.progress = 0, None, None
        self.open, self.were_cut = OpenConnections({}, []), []

    def invite(self, *names):
        self.waiting |= {name: [] for name in names}

    def put(self, name, kind, payload):
        number = sum(map(len, self.waiting.values())) + len(self.samples) + 1
        self.waiting[name].append(Message(f"{number}-0", kind, payload, len(payload) + 1))

    def contributors(self):
        return sorted(self.waiting)

    def size(self, names):
        return InboxSize(self.backlog, 0), {n: InboxSize(len(self.waiting[n]), self.bytes.get(n, 0)) for n in names}

    def read(self, names, count, timeout):
        return {name: self.waiting[name][:count] for name in names if self.waiting[name]}

    def deliver(self, delivery):
        self.samples += delivery.samples
        self.episodes += delivery.episodes
        self.clients |= delivery.heartbeats
        for name, done in delivery.done.items():
            self.waiting[name] = [message for message in self.waiting[name] if message.id not in done]

    def discard(self, name):
        count, self.waiting[name] = len(self.waiting[name]), []
        return count

    def suspend(self, name):
        self.suspended.add(name)

    def restore(self, name):
        self.suspended.discard(name)

    def cut_strangers(self):
        self.were_cut += ["all strangers"]

    def read_progress(self):
        return self.progress

    def connections(self):
        return self.open

    def cut(self, connections):
        self.were_cut += connections

    def write_statistics(self, payload, own):
        self.statistics = payload
        self.own_statistics = own

    def read_statistics(self):
        return self.statistics


@pytest.fixture
def inboxes():
    return ListInboxes()


@pytest.fixture
def counted():
    """(contributor, reason, number of messages) of all that the gate rejected."""
    return []


@pytest.fixture
def statistics(tmp_path):
    return ContributorStatistics(tmp_path / "contributors.json", lambda: 1.7e9)


@pytest.fixture
def gate(inboxes, statistics, counted, clock):
    """(settings by name) -> a gate whose steps the test makes itself."""

    def make(max_environments=4, **settings):
        training = TrainingSettings(contributors=ContributorSettings(**settings))

        def count(*rejected):
            counted.append(rejected)

        made = Gate(inboxes, RUN_ID, training, statistics, count, clock, random.Random(0), max_environments)
        made._stopped.set()  # so that no step waits
        return made

    return make


@pytest.fixture
def message():
    """(client, number, rows) -> a sample message."""

    def make(client="bob@pc-1", number=1, run_id=RUN_ID, rows=2):
        columns = {"observation": np.zeros((rows, 2), np.float32), "reward": np.zeros(rows, np.float32)}
        after = {"observation": np.zeros((1, 2), np.float32)}
        steps = StepBatch(np.array([[0, 0, rows, 0, 0, 1, 0]]), columns, after)
        return encode_steps(run_id, client, number, steps)

    return make


@pytest.fixture
def episode():
    """(changes by name) -> kind and payload of an episode."""

    def make(**changes):
        values = {"id": "bob@pc-1-1", "client": "bob@pc-1", "total_reward": 1.5, "length": 5, "iteration": 0}
        values |= {"seconds": 1.0, "run_id": RUN_ID, **changes}
        return EPISODE, msgspec.json.encode(Episode(**values))

    return make


@pytest.fixture
def heartbeat():
    """(client, numbers by name) -> kind and payload of a heartbeat."""

    def make(client="bob@pc-1", **numbers):
        return HEARTBEAT, msgspec.json.encode(ClientInfo(client, **{"host": "pc", **numbers}))

    return make


@pytest.fixture
def samples():
    """The kind of sample messages."""
    return SAMPLES
