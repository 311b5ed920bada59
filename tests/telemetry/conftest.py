"""A training as the telemetry node sees it: a server in memory, a stand-in for the training node and its clients."""

import json
import math
import random
import sys
import threading
import time
from functools import partial

import msgspec
import pytest
from waiting import DEADLINE_S, wait_for

from soulsai_core import (
    Announcement,
    ClientInfo,
    ClientStatus,
    ConnectorContext,
    Discrete,
    EnvSpec,
    Episode,
    NodeStatus,
)
from soulsai_core.app import Observers, Reply, RunFolder
from soulsai_core.cli import main
from soulsai_core.messages import ArraySpec, Command
from soulsai_core.node.status.node_status import Activity
from soulsai_core.transport.memory import MemoryServer, MemoryTransport
from soulsai_telemetry.config import TelemetryConfig
from soulsai_telemetry.hookspecs import TelemetrySpecs
from soulsai_telemetry.node import TelemetryNode
from soulsai_telemetry.run_view import RunView
from soulsai_telemetry.testing import example_status, example_update

START = 1.7e9
LIVE_SETTINGS = {
    "training.checkpoint_every": 100, "training.stop.seconds": None, "algorithm.config.learning_rate": 1e-3,
    "algorithm.config.epsilon": {"start": 1.0, "end": 0.02},
}  # fmt: skip


class Training:
    """Stands for the training node and its clients on a server in memory.

    Attributes:
        commands, options: names and options of the commands that it was sent.
    """

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
        self.options = []
        self._ended = threading.Event()
        self.answers = False
        spec = EnvSpec("Lander", {"observation": ArraySpec((2,), "float32")}, Discrete(2))
        self.announced = Announcement(
            1, "0.1", "run-1", {"name": "gymnasium", "config": {"id": "Lander"}}, {"name": "dqn"}, {}, spec, {}
        )
        self.transport.announce(msgspec.json.encode(self.announced))
        self.write_status()

    def write_status(self, **changes):
        client = ClientInfo("client-1", "here", env_steps=100, episodes=3, steps_per_second=50.0)
        values = {
            "run_id": "run-1", "folder": str(self.folder), "state": "running", "iteration": 7, "env_steps": 1000,
            "goal_env_steps": 4000, "elapsed": time.monotonic(), "episodes": self.sent, "mean_return": 1.0,
            "window_episodes": 20, "steps_per_second": 50.0, "iterations_per_second": 2.0, "acceptance": 0.99,
            "rejected": {"stale": 10}, "staleness": {"iterations": 1.1, "env_steps": 30.0, "seconds": 0.2},
            "backlog": 1,
            "clients": [ClientStatus(client, 990, {"stale": 10})], "learner": {"loss": 0.5, "update_seconds": 0.02},
        }  # fmt: skip
        self.transport.write_status(msgspec.json.encode(NodeStatus(**{**values, **changes})))

    def report_returns(self, *returns, client="client-1", **changes):
        """Report an episode for each return, with the next number each."""
        for value in returns:
            self.sent += 1
            self.report(f"{client}-{self.sent}", value, client=client, **changes)

    def report(self, identifier, total_reward, **changes):
        self.transport.push_episodes([msgspec.json.encode(make_episode(identifier, total_reward, **changes))])

    def answer_commands(self, ok=True, detail="saves/run-1/best_model"):
        """Answer commands in a thread, as the training node does."""
        self.answers = True

        def answer():
            transport = MemoryTransport(self.server)
            while not self._ended.is_set():
                for payload in transport.read_commands(0.05):
                    command = msgspec.json.decode(payload, type=Command)
                    self.commands.append(command.name)
                    self.options.append(command.options)
                    transport.reply(command.id, msgspec.json.encode(Reply(command.id, ok, detail)))

        threading.Thread(target=answer, daemon=True).start()

    def close(self):
        self._ended.set()

    def node(self, *connectors, transport=None, clock=time.monotonic, **settings):
        """A telemetry node of this training, with these objects as its connectors."""
        observers = Observers(specs=TelemetrySpecs)
        for i, connector in enumerate(connectors):
            observers.register(getattr(connector, "name", f"connector-{i}"), connector)
        view = RunView(RunFolder(self.folder), shared=True)
        view.state.mkdir(exist_ok=True)
        best = {"save": self.answers}
        config = TelemetryConfig(**{"moving_average": 3, "update_interval": 1, "best": best, **settings})
        transport = transport or MemoryTransport(self.server)
        return TelemetryNode(transport, self.announced, view, config, observers, wall=lambda: self.now, clock=clock)


def make_episode(identifier="client-1-1", total_reward=1.0, **changes):
    values = {"client": "client-1", "length": 10, "iteration": 1, "seconds": 0.5, **changes}
    return Episode(id=identifier, total_reward=float(total_reward), **values)


class RunningNode:
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

    def until(self, condition):
        """Wait until `condition()` is true."""

        def holds():
            assert self.failure is None, self.failure
            return condition()

        wait_for("the telemetry node", holds, pause=0.01)

    def until_recorded(self, count):
        """Wait until the history has this many episodes."""
        self.until(lambda: self.node.history.episodes == count)

    def stop(self, reason="enough"):
        self.node.stop(reason)
        self.join()

    def join(self):
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    """Telemetry looks more often at status and threads, so that tests end sooner."""
    monkeypatch.setattr("soulsai_telemetry.node._STATUS_INTERVAL", 0.05)
    monkeypatch.setattr("soulsai_telemetry.node._CHECK_INTERVAL", 0.05)
    monkeypatch.setattr("soulsai_telemetry.episode_reader._WAIT", 0.05)


@pytest.fixture
def training(tmp_path):
    made = Training(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def learned(tmp_path_factory):
    """A training and its telemetry node that other tests only look at: 400 episodes that learned, two clients, a run
    next to it, and an outage of two hours. Made once: it takes seconds."""
    made = Training(tmp_path_factory.mktemp("learned"))
    write_two_clients(made, iteration=7, env_steps=1000)  # the client of other tests was never there
    report_learning(made, range(200))
    other = made.folder.with_name("run-0")
    other.mkdir()
    (other / "config.json").write_text((made.folder / "config.json").read_text())
    row = {**msgspec.to_builtins(make_episode()), "env_steps": 10}
    rows = [{**row, "id": f"c-{i}", "total_reward": float(i), "entry": f"{i}-0"} for i in range(90)]
    (other / "episodes.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    made.answer_commands()
    metrics = {"landed": {"condition": "> 100"}}
    running = RunningNode(made.node(moving_average=50, metrics=metrics, best={"interval_s": 0}))
    running.until_recorded(200)
    made.now += 7200
    report_learning(made, range(200, 400))
    write_two_clients(made)
    running.until(lambda: running.node.history.episodes == 400 and running.node.status.node.iteration == 1520)
    running.until(lambda: running.node.update().saved is not None)
    yield made, running.node
    running.stop()
    made.close()


def report_learning(training, numbers):
    """Report episodes of two clients that learn to land."""
    (training.folder / "logs").mkdir(exist_ok=True)
    (training.folder / "logs" / "client-1.log").write_text("12:00:00 INFO Joined run-1.\n")
    for i in numbers:
        rng = random.Random(i)
        value = -250 + 480 / (1 + math.exp(-(i - 170) / 45)) + rng.gauss(0, 45)
        length = int(90 + max(0, value) * 1.5 + rng.random() * 60)
        metrics = {"fuel": rng.random(), "epsilon": max(0.05, 1 - i / 300)}
        training.report_returns(value, length=length, seconds=length / 50, client=f"pc-{i % 2}", metrics=metrics)


def write_two_clients(training, **changes):
    """Write the status of a training with two clients, one of which sent some samples too late."""
    infos = [ClientInfo(f"pc-{i}", f"gaming-pc-{i}", 50_000, 200, 25.0, restarts=i, version="0.1") for i in range(2)]
    clients = [ClientStatus(infos[0], 49_000), ClientStatus(infos[1], 49_000, {"stale": 12})]
    learns = Activity(up=3600.0, present=3600.0, message=0.1, admitted=0.1, update=0.5, episode=4.0, checkpoint=61.0)
    values = {
        "clients": clients, "env_steps": 98_000, "goal_env_steps": 150_000, "iteration": 1520, "activity": learns,
        "share_done": 0.6533, "seconds_left": 1100.0, "live_settings": LIVE_SETTINGS,
    }  # fmt: skip
    training.write_status(**{**values, **changes})


@pytest.fixture
def two_clients():
    return write_two_clients


@pytest.fixture
def learning():
    return report_learning


@pytest.fixture
def start():
    """Runs telemetry nodes in threads; all are stopped at the end."""
    running = []

    def start(node):
        running.append(RunningNode(node))
        return running[-1]

    yield start
    for node in running:
        node.stop()


@pytest.fixture
def eventually():
    """Waits until a condition is true, and returns its value."""
    return partial(wait_for, "a condition", pause=0.01)


@pytest.fixture
def episode():
    """Makes an episode."""
    return make_episode


@pytest.fixture
def update():
    """Makes an update with the episodes from the first to the last."""
    return example_update


@pytest.fixture
def status(tmp_path):
    return example_status(tmp_path)


# -- runs on disk, and commands that read them


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
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(here, capsys):
    """Runs a command in this process, in an empty directory; returns its exit code, output and errors."""

    def run(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


# -- connectors


@pytest.fixture
def context(tmp_path):
    return ConnectorContext("run-1", tmp_path, {"algorithm": {"name": "dqn"}})


@pytest.fixture
def make(context):
    """Makes a plugin's connector, as the telemetry node does, and closes it at the end."""
    made = []

    def make(plugin, **settings):
        made.append(plugin.make(plugin.config(**settings), context))
        return made[-1]

    yield make
    for connector in made:
        if hasattr(connector, "close"):
            connector.close()


@pytest.fixture(scope="session")
def mlflow_context(tmp_path_factory):
    """A run's folder with an MLflow database of three episodes. Made once: it takes seconds."""
    pytest.importorskip("mlflow")
    from soulsai_telemetry.connectors.mlflow import plugin

    context = ConnectorContext("run-1", tmp_path_factory.mktemp("mlflow"), {})
    connector = plugin.make(plugin.config(), context)
    connector.episodes_recorded(example_update(1, 3))
    connector.close()
    return context


class BlockedImports:
    """Stands for a machine where this package is not installed."""

    def __init__(self, name):
        self.name = name

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == self.name:
            raise ImportError(f"No module named {name!r}")


@pytest.fixture
def without(monkeypatch):
    """Makes a package look as if it were not installed."""

    def without(name):
        for loaded in [module for module in sys.modules if module.split(".")[0] == name]:
            monkeypatch.delitem(sys.modules, loaded)
        monkeypatch.setattr(sys, "meta_path", [BlockedImports(name), *sys.meta_path])

    return without
