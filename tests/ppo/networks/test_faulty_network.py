"""A training over a transport that loses, repeats and swaps messages: rounds go on, and no row counts twice."""

import random
import threading
import time

import numpy as np
import pytest

from soulsai_core.client.client import Client
from soulsai_core.config import ClientSettings, StopSettings, TrainingSettings
from soulsai_core.hooks.observers import Observers
from soulsai_core.messages import Announcement
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.node.training import TrainingNode
from soulsai_core.run_folder import RunFolder
from soulsai_core.steps import step_columns
from soulsai_core.testing.scripted import ScriptedEnvironment
from soulsai_core.transport.memory import MemoryServer, MemoryTransport
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.plugin import plugin

CONFIG = PPOConfig(rollout=128, minibatch_size=32, hidden=(8,), epochs=1, round_timeout_s=0.4)
ITERATIONS = 12


class Faulty(MemoryTransport):
    """Changes lists of sample messages by `fault` before they are pushed."""

    def __init__(self, server, fault):
        super().__init__(server)
        self._fault = fault

    def push_samples(self, payloads):
        super().push_samples(self._fault(list(payloads)))


def losing(rng):
    return lambda payloads: [payload for payload in payloads if rng.random() > 0.05]


def repeating(rng):
    return lambda payloads: [payload for payload in payloads for _ in range(rng.choice((1, 1, 3)))]


def swapping(rng):
    """A message that a later one has overtaken counts as repeated at the node, and is lost."""
    kept = []

    def swap(payloads):
        kept.extend(payloads)
        if rng.random() < 0.1:
            return []
        out = kept[:]
        kept[:] = []
        return out[::-1] if rng.random() < 0.1 else out

    return swap


def everything(rng):
    parts = [losing(rng), repeating(rng), swapping(rng)]

    def apply(payloads):
        for part in parts:
            payloads = part(payloads)
        return payloads

    return apply


def columns_of(spec):
    return step_columns(spec, plugin.columns(CONFIG, spec), 1e6)


def node_at(server, folder, spec):
    environment = {"name": "toy", "config": {}}
    stop = StopSettings(iterations=ITERATIONS, seconds=60)
    algorithm = {"name": "ppo", "config": CONFIG.model_dump(mode="json")}
    return TrainingNode(
        learner=plugin.learner(CONFIG, spec, np.random.default_rng(0)),
        sync=plugin.sync(CONFIG),
        transport=MemoryTransport(server),
        folder=folder,
        announcement=Announcement(1, "0.1.0", folder.name, environment, algorithm, {}, spec, columns_of(spec)),
        config={},
        settings=TrainingSettings(stop=stop),
        observers=Observers(),
        metrics=NodeMetrics(),
        clock=time.monotonic,
        rng=random.Random(0),
    )


def client_at(transport, run_id, name, spec):
    return Client(
        transport=transport,
        run_id=run_id,
        client=name,
        host="here",
        spec=spec,
        columns=columns_of(spec),
        actor=plugin.actor(CONFIG, spec, np.random.default_rng(0), True),
        make_environment=lambda: ScriptedEnvironment(spec, 2),
        settings=ClientSettings(max_message_rows=16, heartbeat_interval_s=0.1),
        clock=time.monotonic,
        rng=random.Random(0),
    )


@pytest.mark.parametrize("fault", [repeating, everything])
def test_rounds_go_on_over_a_faulty_network(tmp_path, spec, fault):
    server = MemoryServer()
    folder = RunFolder(tmp_path / "training")
    folder.path.mkdir()
    node = node_at(server, folder, spec)
    used = []
    node._learner._trainer.train = keep_count(node._learner._trainer.train, used)
    clients = [
        client_at(Faulty(server, fault(random.Random(seed))), folder.name, f"pc-{seed}", spec) for seed in range(2)
    ]
    threads = [threading.Thread(target=client.run, daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    assert node.run() == f"the goal of {ITERATIONS} iterations is reached"
    for thread in threads:
        thread.join(10)
    assert used and all(rows == 128 for rows in used), "a round had rows twice, or not all of them"


def keep_count(train, used):
    """Note how many rows each update learns from."""

    def counted(experience, *how):
        used.append(len(experience))
        return train(experience, *how)

    return counted
