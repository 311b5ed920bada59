"""Processes and memory of a client and of a training node, and the time until a new client's first sample is admitted.

Both are started as users do, while DQN trains on LunarLander: `soulsai training-node` and two times `soulsai client`.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil

from benchmarks.common import RUN, Row, lunar_lander, read_status, run_alone, server, soulsai, wait_until
from soulsai_core import hookimpl
from soulsai_core.assembly.node import node_parts
from soulsai_core.contracts import Transport
from soulsai_core.node.training import TrainingNode
from soulsai_core.run_folder import RunFolder

COMMAND = "python -m benchmarks.footprint"
MB = 2**20
CLIENTS = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--env-steps", type=int, default=15_000, help="length of the training")
    parser.add_argument(
        "--launches", type=int, default=5, help="clients to launch, one after another; the median counts"
    )


def measure(args: argparse.Namespace) -> list[Row]:
    client, node = _while_training(args.env_steps)
    launches = _launches(args.launches)
    note = f"median of {args.launches}, longest {max(launches):.2f}"
    return [
        Row("client: processes", client.processes, 1, "", COMMAND, at_most=True),
        Row("client: memory", client.rss, 150, "MB", COMMAND, at_most=True, note=client.note),
        Row("client: launch to first admitted sample", median(launches), 3, "s", COMMAND, at_most=True, note=note),
        Row("training node: processes", node.processes, 1, "", COMMAND, at_most=True),
        Row("training node: memory", node.rss, 700, "MB", COMMAND, at_most=True, note=node.note),
    ]


class Footprint:
    """The maximum number of processes, and of memory in MB, of a process with all its children."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self.processes = 0
        self.rss = 0.0
        self.pss = 0.0

    def sample(self) -> None:
        try:
            family = [self._root, *self._root.children(recursive=True)]
            self.processes = max(self.processes, len(family))
            memory = [process.memory_full_info() for process in family]
        except psutil.NoSuchProcess:
            return
        self.rss = max(self.rss, sum(used.rss for used in memory) / MB)
        self.pss = max(self.pss, sum(getattr(used, "pss", 0) for used in memory) / MB)

    @property
    def note(self) -> str:
        """The proportional set size, in which shared pages are divided among the processes that share them."""
        return f"maximum resident; PSS {self.pss:.0f} MB" if self.pss else "maximum resident"


def _while_training(env_steps: int) -> tuple[Footprint, Footprint]:
    """Footprints of the larger client and of the node, from their start to the end of the training."""
    with tempfile.TemporaryDirectory() as folder, server() as (transport, address):
        stop = f"training.stop.env_steps={env_steps}"
        saves = f"run.saves={folder}"
        settings = [f"redis.address={address}", f"run.name={RUN}", stop, saves]
        node = soulsai("training-node", *[word for setting in settings for word in ("--set", setting)])
        clients = [_client(address) for _ in range(CLIENTS)]
        prints = [Footprint(node.pid), *(Footprint(client.pid) for client in clients)]
        try:
            while node.poll() is None:
                for footprint in prints:
                    footprint.sample()
                time.sleep(0.2)
        finally:
            for process in (node, *clients):
                process.terminate()
                process.wait(20)
        status = read_status(transport)
        assert status.env_steps >= env_steps, "the training ended early"
    return max(prints[1:], key=lambda footprint: footprint.rss), prints[0]


def _client(address: str) -> subprocess.Popen[bytes]:
    return soulsai("client", "--redis-address", address, "--run", RUN)


class _FirstSample:
    """An observer that waits for the next admitted sample."""

    def __init__(self) -> None:
        self.seen = threading.Event()

    @hookimpl
    def samples_received(self, client: str, admitted: int, rejected: dict[str, int]) -> None:
        if admitted:
            self.seen.set()


def _launches(count: int) -> list[float]:
    """Seconds from the launch of a client until the node, which is running already, admits its first sample."""
    with (
        tempfile.TemporaryDirectory() as folder,
        server() as (transport, address),
        _node(transport, Path(folder)) as first,
    ):
        return [_launch(address, first) for _ in range(count)]


def _launch(address: str, first: _FirstSample) -> float:
    first.seen.clear()
    began = time.perf_counter()
    client = _client(address)
    try:
        assert first.seen.wait(60), "no sample came"
        return time.perf_counter() - began
    finally:
        client.terminate()
        client.wait(20)


@contextmanager
def _node(transport: Transport, folder: Path) -> Iterator[_FirstSample]:
    """A training node in a thread of this process, whose observer notices the sample without delay."""
    resolved = lunar_lander(f"run.saves={folder}")
    (folder / "run").mkdir()
    parts = node_parts(resolved, transport, RunFolder(folder / "run"))
    first = _FirstSample()
    parts["observers"].register("benchmark", first)
    node = TrainingNode(**parts)
    thread = threading.Thread(target=node.run)
    thread.start()
    try:
        wait_until(lambda: transport.read_progress() is not None, 20)
        yield first
    finally:
        node.shutdown("measured")
        thread.join(20)


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
