"""A training as the telemetry node sees it: a server in memory, and somebody who plays node and clients."""

import json
import os
import shutil
import threading
import time

import msgspec
import pytest

from soulsai_core import (
    Announcement,
    ClientInfo,
    ClientStatus,
    ConnectorContext,
    Discrete,
    EnvSpec,
    Episode,
    NodeStatus,
    Observers,
    Reply,
)
from soulsai_core.messages import ArraySpec, Command
from soulsai_core.transport.memory import MemoryServer, MemoryTransport
from soulsai_telemetry.config import TelemetryConfig
from soulsai_telemetry.hookspecs import TelemetrySpecs
from soulsai_telemetry.node import TelemetryNode
from soulsai_telemetry.run_view import RunView
from soulsai_telemetry.testing import example_update, example_vitals

START = 1.7e9


class Training:
    """Plays the training node and its clients on one server in memory; `watch` starts a telemetry node."""

    def __init__(self, folder):
        self.folder = folder / "run-1"
        self.folder.mkdir()
        (self.folder / "config.json").write_text(
            '{"environment": {"name": "gymnasium", "config": {"id": "Lander"}}, "algorithm": {"name": "dqn"}}'
        )
        self.server = MemoryServer()
        self.transport = MemoryTransport(self.server)
        self.now = START
        self.sent = 0
        self.commands = []
        self.answering = None
        spec = EnvSpec("Lander", {"observation": ArraySpec((2,), "float32")}, Discrete(2))
        self.announced = Announcement(
            1, "0.1", "run-1", {"name": "gymnasium", "config": {"id": "Lander"}}, {"name": "dqn"}, {}, spec, {}
        )
        self.transport.announce(msgspec.json.encode(self.announced))
        self.status()

    def status(self, **changes):
        client = ClientInfo("client-1", "here", env_steps=100, episodes=3, steps_per_second=50.0)
        values = {
            "run_id": "run-1", "folder": str(self.folder), "state": "running", "iteration": 7, "env_steps": 1000,
            "goal_env_steps": 4000, "elapsed": time.monotonic(), "episodes": self.sent, "mean_return": 1.0,
            "window_episodes": 20, "steps_per_second": 50.0, "iterations_per_second": 2.0, "acceptance": 0.99,
            "rejected": {"stale": 10}, "age": {"iterations": 1.1, "env_steps": 30.0, "seconds": 0.2}, "backlog": 1,
            "clients": [ClientStatus(client, 990, {"stale": 10})], "learner": {"loss": 0.5, "update_seconds": 0.02},
        }  # fmt: skip
        self.transport.write_status(msgspec.json.encode(NodeStatus(**{**values, **changes})))

    def play(self, *rewards, client="client-1", **changes):
        """One episode for each reward, numbered on."""
        for reward in rewards:
            self.sent += 1
            self.report(f"{client}-{self.sent}", reward, client=client, **changes)

    def report(self, identifier, reward, **changes):
        self.transport.push_episode(msgspec.json.encode(make_episode(identifier, reward, **changes)))

    def answer_commands(self, ok=True, detail="saves/run-1/best_model"):
        """Obey commands in a thread, as the node does."""

        def answer():
            mine = MemoryTransport(self.server)
            while not self.answering.is_set():
                for payload in mine.read_commands(0.05):
                    command = msgspec.json.decode(payload, type=Command)
                    self.commands.append(command.name)
                    mine.reply(command.id, msgspec.json.encode(Reply(command.id, ok, detail)))

        self.answering = threading.Event()
        threading.Thread(target=answer, daemon=True).start()

    def node(self, *connectors, **settings):
        """A telemetry node of this training, with these objects as its connectors."""
        observers = Observers(specs=TelemetrySpecs)
        for i, connector in enumerate(connectors):
            observers.register(getattr(connector, "name", f"connector-{i}"), connector)
        view = RunView(self.folder, shared=True)
        view.state.mkdir(exist_ok=True)
        best = {"save": self.answering is not None}
        config = TelemetryConfig(**{"moving_average": 3, "update_interval": 1, "best": best, **settings})
        transport = MemoryTransport(self.server)
        return TelemetryNode(transport, self.announced, view, config, observers, wall=lambda: self.now)


def make_episode(identifier="client-1-1", reward=1.0, **changes):
    values = {"client": "client-1", "length": 10, "iteration": 1, "seconds": 0.5, **changes}
    return Episode(id=identifier, total_reward=float(reward), **values)


class Watching:
    """A telemetry node that runs in a thread."""

    def __init__(self, node):
        self.node = node
        self.reason = None
        self.failure = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            self.reason = self.node.run()
        except Exception as error:
            self.failure = error

    def until(self, condition, timeout=5.0):
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            assert self.failure is None, self.failure
            time.sleep(0.01)

    def stop(self, reason="enough"):
        self.node.stop(reason)
        self.join()

    def join(self):
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def training(tmp_path):
    made = Training(tmp_path)
    yield made
    if made.answering is not None:
        made.answering.set()


@pytest.fixture
def watch():
    """Runs telemetry nodes in threads; all are stopped at the end."""
    running = []

    def start(node):
        running.append(Watching(node))
        return running[-1]

    yield start
    for watching in running:
        watching.stop()


@pytest.fixture
def episode():
    return make_episode


@pytest.fixture
def update():
    """A factory: news of the episodes from the first to the last."""
    return example_update


@pytest.fixture
def vitals(tmp_path):
    return example_vitals(tmp_path)


def _program(*names):
    """The path of a program that a test needs. On a build server it must be there, elsewhere the test is left out."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{names[0]} is not installed: apt-get install -y {names[0]}")
    return found or pytest.skip(f"{names[0]} is not installed")


@pytest.fixture(scope="session")
def program():
    return _program


@pytest.fixture
def save(tmp_path):
    """Writes a run's folder as the training node leaves it: a return for each episode of 10 steps."""

    def save(name, returns, *, environment="Lander", algorithm="dqn", saves="saves", **settings):
        folder = tmp_path / saves / name
        folder.mkdir(parents=True)
        config = {
            "run": {"seed": 1},
            "environment": {"name": "gymnasium", "config": {"id": environment}},
            "algorithm": {"name": algorithm, "config": settings},
        }
        (folder / "config.json").write_text(json.dumps(config))
        with (folder / "episodes.jsonl").open("w") as file:
            for i, value in enumerate(returns, start=1):
                row = {
                    "id": f"c-{i}", "client": "c", "total_reward": value, "length": 10, "iteration": i,
                    "env_steps": 10 * i, "seconds": 1.0, "complete": True, "metrics": {"boss_hp": value / 2},
                    "entry": f"{1_700_000_000_000 + 1000 * i}-0",
                }  # fmt: skip
                file.write(json.dumps(row) + "\n")
        return folder

    return save


@pytest.fixture
def context(tmp_path):
    return ConnectorContext("run-1", tmp_path, {"algorithm": {"name": "dqn"}})
