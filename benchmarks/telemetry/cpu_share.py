"""The share of a core that the telemetry node takes at ten episodes a second, with and without an open page."""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import msgspec
import psutil

from benchmarks.common import RUN, Row, run_alone, server, soulsai, wait_until
from soulsai_core import Announcement, ClientInfo, ClientStatus, Discrete, EnvSpec, Episode, NodeStatus
from soulsai_core.app import Transport
from soulsai_core.messages import ArraySpec

COMMAND = "python -m benchmarks.telemetry.cpu_share"
CONNECTORS = "connectors=[{name: json_file}, {name: prometheus, config: {port: 0}}, {name: grafana, config: {port: 0}}]"
WITH_FIGURE = CONNECTORS.replace("[", "[{name: figure}, ", 1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The rate of episodes, and how long to measure."""
    parser.add_argument("--rate", type=float, default=10.0, help="episodes a second")
    parser.add_argument("--seconds", type=float, default=60.0)


def measure(args: argparse.Namespace) -> list[Row]:
    """The CPU time of the process, with its threads, as a share of the time that passed."""
    what = f"telemetry at {args.rate:g} episodes a second"
    plain = _share(args, CONNECTORS, page_open=False)
    figure = _share(args, WITH_FIGURE, page_open=False)
    with_page = _share(args, CONNECTORS, page_open=True)
    return [
        Row(f"{what}: page, JSON file, Prometheus, Grafana", plain, 2, "% of a core", COMMAND, at_most=True),
        Row(f"{what}: a figure every 30 s as well", figure, None, "% of a core", COMMAND),
        Row(f"{what}: the page is open", with_page, None, "% of a core", COMMAND),
    ]


def _share(args: argparse.Namespace, connectors: str, *, page_open: bool) -> float:
    with server() as (transport, address), tempfile.TemporaryDirectory() as saves, _reporting(transport, args.rate):
        settings = ("--set", f"run.name={RUN}", "--set", f"run.saves={saves}", "--set", connectors)
        telemetry = soulsai("telemetry", "--redis-address", address, *settings)
        try:
            url_file = Path(saves) / "benchmark" / "page"
            wait_until(lambda: url_file.exists() and bool(url_file.read_text()), 60)
            with _open_page(url_file.read_text().strip(), page_open):
                time.sleep(5)  # the start is no part of the share
                return _cpu(telemetry, args.seconds)
        finally:
            telemetry.terminate()
            telemetry.wait()


def _cpu(process: subprocess.Popen[bytes], seconds: float) -> float:
    def spent() -> float:
        times = psutil.Process(process.pid).cpu_times()
        return times.user + times.system

    before = spent()
    started = time.perf_counter()
    time.sleep(seconds)
    return 100 * (spent() - before) / (time.perf_counter() - started)


@contextmanager
def _reporting(transport: Transport, rate: float) -> Iterator[None]:
    """While the block runs, threads of this process report as a training node and four clients do."""
    spec = EnvSpec("benchmark", {"observation": ArraySpec((2,), "float32")}, Discrete(2))
    announced = Announcement(1, "", "benchmark", {"name": "x"}, {"name": "x"}, {}, spec, {})
    transport.announce(msgspec.json.encode(announced))
    ended = threading.Event()
    started = time.monotonic()
    numbers = iter(range(1, 10**9))

    def report_episode() -> None:
        number = next(numbers)
        metrics = {"epsilon": 0.1, "boss_hp": 0.5}
        episode = Episode(f"c-{number}", "c", float(number % 100), 100, number, 1.0, True, metrics)
        transport.push_episodes([msgspec.json.encode(episode)])

    def report_status() -> None:
        infos = [ClientInfo(f"client-{i}", "here", 1000, 10, 25.0) for i in range(4)]
        for info in infos:
            transport.heartbeat(info.id, msgspec.json.encode(info))
        status = NodeStatus(
            run_id="benchmark", folder="/nowhere/benchmark", state="running", iteration=1, env_steps=1000,
            goal_env_steps=None, elapsed=time.monotonic() - started, episodes=10, mean_return=1.0, window_episodes=20,
            steps_per_second=100.0, iterations_per_second=1.0, acceptance=1.0, rejected={"stale": 1},
            staleness={"iterations": 1.0, "env_steps": 10.0, "seconds": 0.1}, backlog=0,
            clients=[ClientStatus(info, 1000, {"stale": 1}) for info in infos],
            learner={"loss": 0.1, "update_seconds": 0.01},
        )  # fmt: skip
        transport.write_status(msgspec.json.encode(status))

    threads = [
        threading.Thread(target=_every, args=(ended, *job))
        for job in ((1 / rate, report_episode), (0.25, report_status))
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _every(ended: threading.Event, seconds: float, act: Callable[[], None]) -> None:
    while not ended.wait(seconds):
        act()


@contextmanager
def _open_page(url: str, page_open: bool) -> Iterator[None]:
    """While the block runs, read the page's events as an open browser does."""
    if not page_open:
        yield
        return
    with urllib.request.urlopen(f"{url}/api/events", timeout=30) as events:
        thread = threading.Thread(target=_read, args=(events,), daemon=True)
        thread.start()
        yield


def _read(events: IO[bytes]) -> None:
    # The block's end closes the response under the reader, which http.client answers with one of these.
    with suppress(OSError, ValueError, AttributeError):
        for _ in events:
            pass


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
