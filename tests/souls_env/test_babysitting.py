"""A whole client on the simulated game in a process of its own, while things go wrong there."""

from __future__ import annotations

import random
import threading
import time

import msgspec
import numpy as np
import pytest

from soulsai_core import Actor, Client, SampleBatch, Weights
from soulsai_core.config import ClientSettings
from soulsai_core.isolation import IsolatedEnvironment, installed
from soulsai_core.messages import Progress
from soulsai_core.transport.memory import MemoryServer, MemoryTransport
from soulsai_core.wire import encode_weights
from soulsai_souls_env.config import FaultsConfig, SimulationConfig, SoulsConfig
from soulsai_souls_env.plugin import plugin

PATIENCE = 90


class Witness(Actor):
    """Acts at random, and holds each transition against the one before: they must join without a gap."""

    def __init__(self):
        self.steps = self.cuts = 0
        self.torn: list[int] = []
        self._rng = np.random.default_rng(0)
        self._last = None

    def load(self, weights):
        pass

    def act(self, observations, masks):
        return np.array([self._rng.choice(np.flatnonzero(mask)) for mask in masks])

    def add(self, transitions):
        self.steps += 1
        now, then = transitions.observations["observation"][0], transitions.next_observations["observation"][0]
        if self._last is not None and not np.array_equal(self._last, now):
            self.torn.append(self.steps)
        self._last = None if transitions.terminated[0] or transitions.truncated[0] else then.copy()

    def take(self) -> SampleBatch | None:
        return None

    def cut(self):
        self.cuts += 1
        self._last = None


@pytest.fixture
def played():
    """A function: a running client whose game has these faults, and the actor that watches it."""
    clients = []

    def play(kind, every=150):
        simulation = SimulationConfig(faults=FaultsConfig(kinds=(kind,), every=every, exact=True, slow_frame_s=0.5))
        config = SoulsConfig(game="simulated", max_episode_steps=40, simulation=simulation)
        make = installed(plugin, config, 0)
        transport, actor = MemoryTransport(MemoryServer(time.monotonic)), Witness()
        progress = msgspec.msgpack.encode(Progress("s", "n", "running", 0, 0, 10_000))
        transport.publish(0, encode_weights(Weights(0, {"w": np.zeros(1)})), progress)
        client = Client(
            transport=transport,
            session="s",
            client="pc",
            host="host",
            actor=actor,
            make_environment=lambda: IsolatedEnvironment(make, step_timeout=1.0, start_timeout=30.0),
            settings=ClientSettings(late_step_s=0.4, discard_late_steps=True),
            clock=time.perf_counter,
            rng=random.Random(0),
            wait=lambda event, pause: event.wait(0.01),
        )
        thread = threading.Thread(target=client.run, daemon=True)
        thread.start()
        clients.append((client, thread))
        return client, actor

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
    client, actor = played(kind)
    wait_until(lambda: client.restarts >= 2)
    steps = actor.steps
    wait_until(lambda: actor.steps > steps + 20 or client.restarts > 4)
    assert actor.steps > steps
    assert actor.cuts == client.restarts and not actor.torn


@pytest.mark.timeout(3 * PATIENCE)
def test_slow_frame_is_a_late_step_that_is_discarded(played):
    client, actor = played("slow_frame")
    wait_until(lambda: client._watchdog.late_steps >= 2)
    wait_until(lambda: actor.cuts >= 2)
    assert client.restarts == 0 and not actor.torn
