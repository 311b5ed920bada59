"""A whole client with the simulated game in a process of its own, which hangs, raises, ends or is slow."""

from __future__ import annotations

import random
import threading
import time

import msgspec
import numpy as np
import pytest

from soulsai_core import Actor, Client, End, Weights, step_columns
from soulsai_core.config import ClientSettings
from soulsai_core.environments.isolation import IsolatedEnvironment, installed
from soulsai_core.messages import Progress
from soulsai_core.transport.memory import MemoryServer, MemoryTransport
from soulsai_core.wire import StepDecoder, encode_weights
from soulsai_souls_env.config import FaultsConfig, SimulationConfig, SoulsConfig
from soulsai_souls_env.plugin import plugin

DEADLINE_S = 180
FAULT_EVERY = 60
"""Environment steps between two faults."""


class RandomActor(Actor):
    def __init__(self):
        self._rng = np.random.default_rng(0)

    def load(self, weights):
        pass

    def act(self, observations, masks, starts):
        return np.array([self._rng.choice(np.flatnonzero(mask)) for mask in masks]), {}


class CheckingTransport(MemoryTransport):
    """Compares each row that is sent with the row before. They must join, except where a position is left out or a
    step was late. Expects one row in a message.

    Attributes:
        torn: positions of rows that do not join with the row before.
    """

    def __init__(self, columns):
        super().__init__(MemoryServer(time.monotonic))
        self.steps = 0
        self.breaks = 0
        self.late = 0
        self.torn: list[int] = []
        self.progress = threading.Condition()
        self._decoder = StepDecoder(columns, {"observation", "mask"})
        self._position = -1
        self._end = End.TERMINATED
        self._next_observation = None

    def push_samples(self, payloads):
        with self.progress:
            for payload in payloads:
                self._check(self._decoder.decode(payload).steps)
            self.progress.notify_all()

    def _check(self, row):
        position = row.positions[0]
        start = row.starts[0]
        follows = position == self._position + 1
        if not follows or self._end in (End.TERMINATED, End.TRUNCATED):
            joins = start
        elif self._end == End.GOES_ON:
            joins = not start and np.array_equal(row.columns["observation"], self._next_observation)
        else:
            joins = True  # what followed a late step is not known
        self._position = position
        self._end = row.ends[0]
        self._next_observation = row.after["observation"]
        if not joins:
            self.torn.append(position)
        self.breaks += not follows
        self.late += self._end == End.DISCARDED
        self.steps += 1

    def wait_until(self, condition):
        """Wait for a condition that rows that are sent can make true."""
        with self.progress:
            assert self.progress.wait_for(condition, DEADLINE_S), "it did not happen in time"


@pytest.fixture
def start_client():
    """A function: a running client whose game has faults of this kind, and the transport that checks what it sends."""
    running = []

    def start(kind, step_timeout=1.0):
        faults = FaultsConfig(kinds=(kind,), every=FAULT_EVERY, exact=True, slow_frame_s=0.5)
        config = SoulsConfig(game="simulated", max_episode_steps=40, simulation=SimulationConfig(faults=faults))
        make = installed(plugin, config, 0)
        spec = plugin.spec(config)
        columns = step_columns(spec, {}, 1e6)
        transport = CheckingTransport(columns)
        progress = msgspec.msgpack.encode(Progress("s", "n", "running", 0, 0, 10_000))
        transport.publish(0, encode_weights(Weights(0, {"w": np.zeros(1)})), progress)
        client = Client(
            transport=transport,
            run_id="s",
            client="pc",
            host="host",
            spec=spec,
            columns=columns,
            actor=RandomActor(),
            make_environment=lambda: IsolatedEnvironment(make, step_timeout=step_timeout, start_timeout=60),
            settings=ClientSettings(late_step_s=0.4, discard_late_steps=True, max_message_rows=1),
            clock=time.perf_counter,
            rng=random.Random(0),
            wait=lambda event, pause: event.wait(0.01),
        )
        thread = threading.Thread(target=client.run, daemon=True)
        thread.start()
        running.append((client, thread))
        return client, transport

    yield start
    for client, thread in running:
        client.stop("the test is over")
        thread.join(DEADLINE_S)
        assert not thread.is_alive()


@pytest.mark.timeout(3 * DEADLINE_S)
# A step that never ends, a step that raises (as with a dialog or a lost focus), and a process that is gone.
@pytest.mark.parametrize("kind", ["freeze", "crash", "exit"])
def test_client_samples_again_after_a_fault_and_its_rows_join(start_client, kind):
    client, sent = start_client(kind)
    sent.wait_until(lambda: client.restarts >= 1 and sent.breaks >= 1)
    assert sent.breaks <= client.restarts
    assert not sent.torn


@pytest.mark.timeout(3 * DEADLINE_S)
def test_step_with_a_slow_frame_is_late_and_discarded(start_client):
    client, sent = start_client("slow_frame", step_timeout=DEADLINE_S)
    sent.wait_until(lambda: sent.late >= 2)
    assert client._watchdog.late_steps >= 2
    assert client.restarts == 0
    assert sent.breaks == 0
    assert not sent.torn
