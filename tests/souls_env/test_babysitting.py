"""A whole client on the simulated game in a process of its own, while things go wrong there."""

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

PATIENCE = 90


class RandomActor(Actor):
    def __init__(self):
        self._rng = np.random.default_rng(0)

    def load(self, weights):
        pass

    def act(self, observations, masks, starts):
        return np.array([self._rng.choice(np.flatnonzero(mask)) for mask in masks]), {}


class Watched(MemoryTransport):
    """Holds each row that is sent, one in a message, against the one before: they must join without a gap, unless a
    position is left out or a step was late."""

    def __init__(self, columns):
        super().__init__(MemoryServer(time.monotonic))
        self.steps = self.breaks = self.late = 0
        self.torn: list[int] = []
        self._decoder = StepDecoder(columns, {"observation", "mask"})
        self._position, self._end, self._following = -1, End.TERMINATED, None

    def push_samples(self, payloads):
        for payload in payloads:
            self._look(self._decoder.decode(payload).steps)

    def _look(self, row):
        position, start, joined = row.positions[0], row.starts[0], row.positions[0] == self._position + 1
        if not joined or self._end in (End.TERMINATED, End.TRUNCATED):
            fits = start
        elif self._end == End.GOES_ON:
            fits = not start and np.array_equal(row.columns["observation"], self._following)
        else:
            fits = True  # what followed a late step is not known
        self._position, self._end, self._following = position, row.ends[0], row.after["observation"]
        self.torn += [] if fits else [position]
        self.breaks += not joined
        self.late += self._end == End.DISCARDED
        self.steps += 1


@pytest.fixture
def played():
    """A function: a running client whose game has these faults, and the transport that watches what it sends."""
    clients = []

    def play(kind, every=150):
        simulation = SimulationConfig(faults=FaultsConfig(kinds=(kind,), every=every, exact=True, slow_frame_s=0.5))
        config = SoulsConfig(game="simulated", max_episode_steps=40, simulation=simulation)
        make = installed(plugin, config, 0)
        spec = plugin.spec(config)
        columns = step_columns(spec, {}, 1e6)
        transport = Watched(columns)
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
            make_environment=lambda: IsolatedEnvironment(make, step_timeout=1.0, start_timeout=30.0),
            settings=ClientSettings(late_step_s=0.4, discard_late_steps=True, max_group_rows=1),
            clock=time.perf_counter,
            rng=random.Random(0),
            wait=lambda event, pause: event.wait(0.01),
        )
        thread = threading.Thread(target=client.run, daemon=True)
        thread.start()
        clients.append((client, thread))
        return client, transport

    yield play
    for client, thread in clients:
        client.stop("the test is over")
        thread.join(PATIENCE)
        assert not thread.is_alive()


def wait_until(true):
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.mark.timeout(3 * PATIENCE)
@pytest.mark.parametrize("kind", ["freeze", "crash", "exit", "dialog", "lost_focus"])
def test_client_samples_again_after_a_fault_and_nothing_is_torn(played, kind):
    client, sent = played(kind)
    wait_until(lambda: client.restarts >= 2)
    steps = sent.steps
    wait_until(lambda: sent.steps > steps + 20 or client.restarts > 4)
    assert sent.steps > steps
    assert 1 <= sent.breaks <= client.restarts and not sent.torn


@pytest.mark.timeout(3 * PATIENCE)
def test_slow_frame_is_a_late_step_that_is_discarded(played):
    client, sent = played("slow_frame")
    wait_until(lambda: sent.late >= 2)
    assert client._watchdog.late_steps >= 2
    assert client.restarts == sent.breaks == 0 and not sent.torn
