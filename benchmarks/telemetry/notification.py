"""The time to record one more episode after a million, from its report to the calls of all connectors; the memory."""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil

from benchmarks.common import Row, run_alone, say
from soulsai_core import Announcement, ConnectorContext, Discrete, EnvSpec, Episode, JsonLines
from soulsai_core.app import Observers, RunFolder
from soulsai_core.messages import ArraySpec
from soulsai_core.transport.memory import MemoryTransport
from soulsai_telemetry.config import BestSettings, PageSettings, TelemetryConfig
from soulsai_telemetry.connectors import grafana, json_file, prometheus
from soulsai_telemetry.history.builder import EpisodeReport
from soulsai_telemetry.hookspecs import TelemetrySpecs
from soulsai_telemetry.node import TelemetryNode
from soulsai_telemetry.page import Page
from soulsai_telemetry.run_view import RunView

COMMAND = "python -m benchmarks.telemetry.notification"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The length of the run, and the number of further episodes that are measured."""
    parser.add_argument("--episodes", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2000)


def measure(args: argparse.Namespace) -> list[Row]:
    """Write the episodes of a long run, start a node on them, and report one more episode after the other."""
    with tempfile.TemporaryDirectory() as folder:
        view = RunView(RunFolder(Path(folder)), shared=False)
        view.state.mkdir()
        say(f"writing {args.episodes:,} episodes ...")
        _write(view, args.episodes)
        started = time.process_time()
        node = _node(view)
        recovery = time.process_time() - started
        times = sorted(_notifications(node, args.episodes, args.rounds))
        memory = psutil.Process().memory_info().rss
        node._observers.close()
    many = f"{args.episodes:,} episodes"
    slowest = 1000 * times[int(len(times) * 0.99)]
    note = f"99th percentile {slowest:.2f} ms; with page, JSON file, Grafana and Prometheus"
    return [
        Row(f"notification after {many}", 1000 * statistics.median(times), 5, "ms", COMMAND, True, note),
        Row(f"memory of the whole process after {many}", memory / 2**20, None, "MB", COMMAND),
        Row(f"start with {many} on disk", recovery, None, "s", COMMAND),
    ]


def _episode(number: int, rng: random.Random) -> Episode:
    metrics = {"epsilon": 0.1, "boss_hp": rng.random()}
    return Episode(f"c-{number}", "c", rng.gauss(100, 50), 100, number, 1.0, True, metrics)


def _write(view: RunView, episodes: int) -> None:
    rng = random.Random(0)
    file = JsonLines(view.episodes, EpisodeReport)
    for first in range(0, episodes, 10_000):
        numbers = range(first + 1, min(first + 10_000, episodes) + 1)
        file.append([EpisodeReport(f"{n:020d}", 1.7e9 + n, _episode(n, rng)) for n in numbers])


def _node(view: RunView) -> TelemetryNode:
    spec = EnvSpec("benchmark", {"observation": ArraySpec((2,), "float32")}, Discrete(2))
    announced = Announcement(1, "", "benchmark", {"name": "benchmark"}, {"name": "benchmark"}, {}, spec, {})
    observers = Observers(specs=TelemetrySpecs)
    context = ConnectorContext("benchmark", view.folder.path, {})
    for plugin, settings in ((json_file.plugin, {}), (grafana.plugin, {"port": 0}), (prometheus.plugin, {"port": 0})):
        observers.register(plugin.name, plugin.make(plugin.config(**settings), context))
    config = TelemetryConfig(update_interval=1, best=BestSettings(save=False))
    node = TelemetryNode(MemoryTransport(), announced, view, config, observers)
    observers.register("page", Page(node, PageSettings()))
    return node


def _notifications(node: TelemetryNode, episodes: int, rounds: int) -> Iterator[float]:
    """Seconds for each further episode: decoded, written to disk, recorded, given to the connectors."""
    rng = random.Random(1)
    transport = MemoryTransport()
    for number in range(episodes + 1, episodes + 1 + rounds):
        transport.push_episodes([msgspec.json.encode(_episode(number, rng))])
        entries = transport.read_episodes("", 1000, 0)[-1:]
        started = time.perf_counter()
        node._episodes.take_in(entries)
        yield time.perf_counter() - started


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
