"""What the benchmarks share: rows and tables of results, pinning to cores, and the parts of a training."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from soulsai_core import MASK, ArraySpec, step_columns
from soulsai_core.app import EmbeddedServer
from soulsai_core.assembly.connecting import connect_to
from soulsai_core.config import Resolved, load_config, resolve
from soulsai_core.contracts import Transport
from soulsai_core.node.status.node_status import NodeStatus
from soulsai_core.plugins.catalog import Catalog
from soulsai_core.transport import StreamLimits
from soulsai_core.transport.redis import RedisTransport
from soulsai_core.wire import StepDecoder

RUN = "benchmark"
HEAD = "| what | measured | target | times as good | command |\n|---|---|---|---|---|"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table of results.

    Attributes:
        target: None if the number only explains another one.
        at_most: the target is an upper limit instead of a lower one.
        note: text after the number.
    """

    what: str
    measured: float
    target: float | None
    unit: str
    command: str
    at_most: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times as good as the target; 1 or more means that it is met. None without a target."""
        if self.target is None:
            return None
        if self.at_most:
            return self.target / self.measured if self.measured > 0 else float("inf")
        return self.measured / self.target

    def __str__(self) -> str:
        target = "" if self.target is None else f"{'≤' if self.at_most else '≥'} {_number(self.target)} {self.unit}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}{'' if self.ratio >= 1 else ' (missed)'}"
        note = f" ({self.note})" if self.note else ""
        return f"| {self.what} | {_number(self.measured)} {self.unit}{note} | {target} | {ratio} | `{self.command}` |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.2f}"


def run_alone(
    measure: Callable[[argparse.Namespace], list[Row]],
    add_arguments: Callable[[argparse.ArgumentParser], None],
    description: str | None,
) -> None:
    """Run one benchmark as a script: read its options, measure, print its table, and write it to a file on demand."""
    parser = argparse.ArgumentParser(description=description)
    add_arguments(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as JSON, too")
    args = parser.parse_args()
    rows = measure(args)
    print_table(rows)
    if args.json is not None:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")


def print_table(rows: list[Row]) -> None:
    """Print the rows as a Markdown table."""
    print(HEAD)
    for row in rows:
        print(row)


def say(text: str) -> None:
    """Print progress to stderr, apart from the table."""
    print(text, file=sys.stderr, flush=True)


def pin(core: int) -> None:
    """Keep this process and its children on one core, where the system allows it and has several."""
    if hasattr(os, "sched_setaffinity"):
        # The parent may have been pinned to another core, and this process has inherited that: count its cores, too.
        cores = sorted(os.sched_getaffinity(os.getppid()) | os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[core % len(cores)]})


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def server(limits: StreamLimits | None = None) -> Iterator[tuple[RedisTransport, str]]:
    """A running server, as (a connection to it, its address)."""
    with EmbeddedServer() as embedded:
        transport = connect_to(embedded.address, RUN, None, limits)
        try:
            yield transport, embedded.address
        finally:
            transport.close()


def lunar_lander(*settings: str) -> Resolved:
    """The default configuration, DQN on LunarLander, with settings as in `--set`."""
    return resolve(load_config(None, [f"run.name={RUN}", *settings]), Catalog())


def columns_of(resolved: Resolved) -> dict[str, ArraySpec]:
    """The columns of the steps that clients send, as the training node announces them."""
    spec = resolved.environment.spec(resolved.environment_config)
    own = resolved.algorithm.columns(resolved.algorithm_config, spec)
    return step_columns(spec, own, resolved.config.training.max_abs_value)


def decoder_of(resolved: Resolved) -> StepDecoder:
    """The decoder with which the training node reads messages."""
    spec = resolved.environment.spec(resolved.environment_config)
    columns = columns_of(resolved)
    return StepDecoder(columns, {*spec.observations} | ({MASK} & columns.keys()))


def soulsai(*arguments: str) -> subprocess.Popen[bytes]:
    """Start a command as users do. Its output is dropped, except for errors."""
    return subprocess.Popen([sys.executable, "-m", "soulsai_core", *arguments], stdout=subprocess.DEVNULL)


def read_status(transport: Transport) -> NodeStatus:
    """The training node's last status."""
    found = transport.read_status()
    assert found is not None, "no training node has reported"
    return msgspec.json.decode(found[1], type=NodeStatus)


def wait_until(true: Callable[[], bool], timeout: float, pause: float = 0.002) -> None:
    """Poll a condition every `pause` seconds. Raises TimeoutError if it is still false after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not happen in time")
        time.sleep(pause)
