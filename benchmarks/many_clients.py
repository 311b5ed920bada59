"""Many clients in real time, 10 steps a second each: the share of their rows that is admitted, and how equal it is.

Server, training node and clients are the real ones, with several clients in a process; each client has three threads.
A step of the game is a pause of 0.1 s, and the game stands still between two steps, as soulsgym's does: a client that
has to wait for the node makes fewer steps. The learner is linear and takes no time, so the core is measured.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import yaml

from benchmarks.common import RUN, Row, run_alone, say, server, wait_until
from soulsai_core import (
    Actor,
    AlgorithmPlugin,
    Announcement,
    Arrays,
    ArraySpec,
    Catalog,
    Client,
    Discrete,
    Environment,
    EnvSpec,
    Learner,
    State,
    Step,
    StepBatch,
    Sync,
    TrainingNode,
    Weights,
    hookimpl,
    step_columns,
)
from soulsai_core.app import Observers, RunFolder, Transport
from soulsai_core.assembly.connecting import connect_to
from soulsai_core.config import TrainingSettings
from soulsai_core.config.models import ClientSettings
from soulsai_core.contracts import API_VERSION
from soulsai_core.node.metrics import NodeMetrics

COMMAND = "python -m benchmarks.many_clients"
SPEC = EnvSpec("paced", {"observation": ArraySpec((8,), "float32")}, Discrete(4))
SYNC = Sync(max_staleness=3, rows_per_iteration=64)
EPISODE = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--processes", type=int, default=4, help="processes, each with the same number of clients")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the measurement, after all have joined")
    parser.add_argument("--pause", type=float, default=0.1, help="seconds that a step of the game takes")
    parser.add_argument("--update-ms", type=float, default=0.0, help="milliseconds that each update is made to take")
    parser.add_argument("--ratio", help="learn by DQN with this replay_ratio: auto, {least: L, most: M} or a number")
    parser.add_argument("--play", metavar="ADDRESS", help=argparse.SUPPRESS)


def measure(args: argparse.Namespace) -> list[Row]:
    each = args.clients // args.processes
    with (
        tempfile.TemporaryDirectory() as folder,
        server() as (transport, address),
        _node(transport, Path(folder), args.update_ms, args.ratio) as counts,
        _clients(address, args.processes, each, args.pause, learns=args.ratio is not None),
    ):
        wait_until(lambda: len(counts.admitted) == each * args.processes and counts.learns, 240)
        counts.begin()
        time.sleep(args.seconds)
        admitted = counts.admitted
        rejected = counts.rejected
        gradient_steps = counts.gradient_steps
    rows = sum(admitted.values())
    lost = sum(rejected.values())
    equal = rows / len(admitted)
    off = {name: 100 * abs(count / equal - 1) for name, count in admitted.items()}
    say(f"rejected: {dict(rejected)}; rows of a client: {min(admitted.values())} to {max(admitted.values())}")
    what = f"{len(admitted)} clients at {1 / args.pause:g} steps/s"
    if args.ratio is not None:
        say(f"{gradient_steps} gradient steps, {gradient_steps / rows:.2f} for each row")
        what += f", replay_ratio {args.ratio}"
    note = f"{lost:,} of {rows + lost:,} rows rejected"
    return [
        Row(f"{what}: rows admitted", 100 * rows / (rows + lost), 99, "%", COMMAND, note=note),
        Row("the same: largest deviation from an equal share", max(off.values()), 10, "%", COMMAND, at_most=True),
        Row("the same: steps that a client makes", equal / args.seconds, None, "steps/s", COMMAND),
    ]


class _Counts:
    """An observer that counts rows."""

    def __init__(self) -> None:
        self._steps = 0
        self._updates = 0
        self.begin()

    def begin(self) -> None:
        """Count from zero."""
        self.admitted = Counter[str]()
        self.rejected = Counter[str]()
        self._steps_before = self._steps

    @property
    def gradient_steps(self) -> int:
        """Made since `begin`; 0 where the learner reports none."""
        return self._steps - self._steps_before

    @property
    def learns(self) -> bool:
        """Whether the first updates were made: until then the learner waits for rows."""
        return self._updates > 2

    @hookimpl
    def samples_received(self, client: str, admitted: int, rejected: dict[str, int]) -> None:
        self.admitted[client] += admitted
        self.rejected.update(rejected)

    @hookimpl
    def model_updated(self, iteration: int, metrics: dict[str, float]) -> None:
        self._updates += 1
        self._steps = int(metrics.get("gradient_steps", 0))


@contextmanager
def _node(transport: Transport, folder: Path, update_ms: float, ratio: str | None) -> Iterator[_Counts]:
    """A training node in a thread of this process."""
    counts = _Counts()
    observers = Observers()
    run = RunFolder(folder / "2026-01-31_12-30-05_paced-linear")
    observers.register("counts", counts)
    run.path.mkdir()
    part = {"name": "none", "config": {}}
    announcement = Announcement(API_VERSION, "0", run.name, part, part, {}, SPEC, step_columns(SPEC, {}, 1e6))
    learner = _Learner(update_ms) if ratio is None else _dqn_learner(ratio)
    node = TrainingNode(
        learner=learner, sync=SYNC, transport=transport, folder=run, announcement=announcement, config={},
        settings=TrainingSettings(), observers=observers, metrics=NodeMetrics(), clock=time.monotonic,
        rng=random.Random(0),
    )  # fmt: skip
    thread = threading.Thread(target=node.run)
    thread.start()
    try:
        wait_until(lambda: transport.read_progress() is not None, 20)
        yield counts
    finally:
        node.shutdown("measured")
        thread.join(20)


def _dqn() -> AlgorithmPlugin:
    return Catalog().algorithm("dqn")


def _dqn_learner(ratio: str) -> Learner:
    """DQN's learner with its defaults but for the ratio."""
    plugin = _dqn()
    config = plugin.config(replay_ratio=yaml.safe_load(ratio))
    assert plugin.sync(config) == SYNC, "DQN's defaults have changed"
    return plugin.learner(config, SPEC, np.random.default_rng(0))


@contextmanager
def _clients(address: str, processes: int, each: int, pause: float, *, learns: bool) -> Iterator[None]:
    """Processes that run `each` clients."""
    command = [sys.executable, "-m", "benchmarks.many_clients", "--play", address]
    options = [f"--clients={each}", f"--pause={pause}", *(["--ratio=auto"] if learns else [])]
    children = [subprocess.Popen([*command, *options]) for _ in range(processes)]
    try:
        yield
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait(20)


def _play(address: str, clients: int, pause: float, *, learns: bool) -> None:
    """In a process of clients: play until the process is ended."""
    threads = [threading.Thread(target=_client(address, pause, learns=learns).run, daemon=True) for _ in range(clients)]
    for thread in threads:
        time.sleep(random.uniform(0, pause))  # so that the games do not step at the same time
        thread.start()
    for thread in threads:
        thread.join()


def _client(address: str, pause: float, *, learns: bool) -> Client:
    transport = connect_to(address, RUN, None)
    payload = transport.read_config()
    assert payload is not None
    announcement = msgspec.json.decode(payload, type=Announcement)
    rng = np.random.default_rng()
    dqn = _dqn()
    actor = dqn.actor(dqn.config(), SPEC, rng, True) if learns else _Actor(rng)
    return Client(
        transport=transport, run_id=announcement.run_id, client=f"gaming-pc-{random.randrange(16**6):06x}", host="host",
        spec=announcement.spec, columns=announcement.columns, actor=actor,
        make_environment=lambda: _Paced(pause), settings=ClientSettings(), clock=time.perf_counter,
        rng=random.Random(), on_finished=transport.close,
    )  # fmt: skip


class _Learner(Learner):
    """Fits a linear model to the rewards of the newest rows, which takes almost no time."""

    def __init__(self, update_ms: float) -> None:
        self._pause = update_ms / 1000
        self._model = np.zeros((8, 4), np.float32)
        self._newest = (np.zeros((1, 8), np.float32), np.zeros(1, np.int64), np.zeros(1, np.float32))

    def add(self, steps: StepBatch, client: str) -> None:
        rows = steps.transitions()
        self._newest = rows.observations["observation"], rows.actions, rows.rewards

    def update(self) -> dict[str, float]:
        time.sleep(self._pause)
        x, actions, rewards = self._newest
        error = rewards - (x @ self._model)[np.arange(len(x)), actions]
        np.add.at(self._model.T, actions, 0.01 * error[:, None] * x)
        return {"error": float(np.abs(error).mean())}

    def weights(self) -> Arrays:
        return {"q": self._model.copy()}

    def save(self) -> State:
        return State({"model": self.weights()}, {})

    def load(self, state: State) -> None:
        self._model = state.arrays["model"]["q"].copy()


class _Actor(Actor):
    """Chooses the linear model's best action, or a random one."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def load(self, weights: Weights) -> None:
        self._model = weights.arrays["q"]

    def act(self, observations: Arrays, masks: np.ndarray | None, starts: np.ndarray) -> tuple[np.ndarray, Arrays]:
        values = observations["observation"] @ self._model
        return (values.argmax(1) if self._rng.random() < 0.9 else self._rng.integers(0, 4, len(values))), {}


class _Paced(Environment):
    """A game whose steps take time and that stands still between them."""

    num_envs = 1

    def __init__(self, pause: float) -> None:
        self._rng = np.random.default_rng()
        self._pause = pause
        self._age = 0

    def reset(self) -> Step:
        return self._step(ended=False)

    def step(self, actions: np.ndarray) -> Step:
        time.sleep(self._pause)
        self._age = (self._age + 1) % EPISODE
        return self._step(ended=not self._age)

    def _step(self, *, ended: bool) -> Step:
        observation, last = self._rng.normal(size=(2, 1, 8)).astype(np.float32)
        final = {0: {"observation": last[0]}} if ended else {}
        return Step({"observation": observation}, observation[:, 0], np.array([ended]), np.zeros(1, np.bool_), final)

    def close(self) -> None:
        """Nothing is open."""


if __name__ == "__main__":
    if "--play" in sys.argv:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        options = parser.parse_args()
        _play(options.play, options.clients, options.pause, learns=options.ratio is not None)
    else:
        run_alone(measure, add_arguments, __doc__)
