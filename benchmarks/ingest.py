"""How fast the training node takes in samples, against the same bytes read from the same server and not looked at.

Messages of 128 LunarLander transitions wait in a real server. The real node reads, decodes, checks and books them, and
puts them into the replay buffer of the real DQN learner, which has no update to make.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.common import Row, lunar_lander, run_alone, say, server
from soulsai_core import ArraySpec, SampleBatch
from soulsai_core.assembly import node_parts
from soulsai_core.contracts import Transport
from soulsai_core.run_folder import RunFolder
from soulsai_core.training import TrainingNode
from soulsai_core.transport import StreamLimits
from soulsai_core.wire import ITERATION, encode_samples
from soulsai_dqn.learner import DQNLearner

COMMAND = "python -m benchmarks.ingest"
ROWS = 128
CHUNK = 256
CAPACITY = 100_000
LIMITS = StreamLimits(max_entries=10**6, max_bytes=2**34)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--messages", type=int, default=8_000, help=f"messages of {ROWS} transitions")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, each of the node and of plain reading in turn")


def measure(args: argparse.Namespace) -> list[Row]:
    rates = [_round(args.messages) for _ in range(args.rounds)]
    ours, thrown, copied = (max(column) for column in zip(*rates, strict=True))
    say(f"unchecked: thrown away {thrown:,.0f} transitions/s, copied into arrays {copied:,.0f}")
    share = 100 * median(ours / copied for ours, _, copied in rates)
    note = f"best of {args.rounds} rounds"
    return [
        Row("samples into the replay buffer", ours, 300_000, "transitions/s", COMMAND, note=note),
        Row("the same, of the bytes unchecked", share, 50, "%", COMMAND, note=f"median of {args.rounds} rounds"),
    ]


def _round(messages: int) -> tuple[float, float, float]:
    """Transitions per second: taken in by the node, read and thrown away, read and copied into arrays."""
    rows = messages * ROWS
    with tempfile.TemporaryDirectory() as folder, server(LIMITS) as (transport, _):
        node = _node(transport, Path(folder), messages)
        node.run()
        assert node.env_steps == rows, f"{node.env_steps} of {rows} rows were admitted"
        learner = node._learner
        thrown = _read(transport, learner.payloads, len)
        copied = _read(transport, learner.payloads, _Columns(learner.columns).copy)
    return rows / learner.seconds, rows / thrown, rows / copied


class _WatchedLearner(DQNLearner):
    """Fills the server just before the node begins to read, and notes when the last row has come."""

    transport: Transport
    payloads: Sequence[bytes]

    def started(self, *, resumed: bool) -> None:
        super().started(resumed=resumed)
        _push(self.transport, self.payloads)
        self._left = len(self.payloads) * ROWS
        self._began = time.perf_counter()

    def add(self, batch: SampleBatch, client: str) -> None:
        super().add(batch, client)
        self._left -= len(batch)
        if not self._left:
            self.seconds = time.perf_counter() - self._began


def _node(transport: Transport, folder: Path, messages: int) -> TrainingNode:
    """A node that stops when it has taken in all messages. The checkpoint that it then writes is not measured."""
    goal = f"training.stop.env_steps={messages * ROWS}"
    never = f"algorithm.config.update_every={10**9}"
    resolved = lunar_lander(f"run.saves={folder}", goal, never)
    parts = node_parts(resolved, transport, RunFolder(folder / "session"))
    (folder / "session").mkdir()
    learner = _WatchedLearner(resolved.algorithm_config, parts["announcement"].spec, np.random.default_rng(0))
    learner.transport = transport
    learner.payloads = _payloads(messages, learner.columns)
    return TrainingNode(**{**parts, "learner": learner})


def _payloads(messages: int, columns: Mapping[str, ArraySpec]) -> list[bytes]:
    rng = np.random.default_rng(0)
    arrays = {name: rng.random((ROWS, *spec.shape)).astype(spec.dtype) for name, spec in columns.items()}
    batch = SampleBatch(np.zeros(ROWS, np.int64), arrays)
    return [encode_samples("session", "client", number, batch) for number in range(1, messages + 1)]


def _push(transport: Transport, payloads: Sequence[bytes]) -> None:
    for at in range(0, len(payloads), CHUNK):
        transport.push_samples(payloads[at : at + CHUNK])


class _Columns:
    """The same columns without any check: where they lie in the bytes is known beforehand."""

    def __init__(self, columns: Mapping[str, ArraySpec]) -> None:
        specs = {**columns, ITERATION: ArraySpec((), "int64")}
        self._dtypes = [np.dtype((spec.dtype, spec.shape)) for _, spec in sorted(specs.items(), reverse=True)]
        self._places = [np.zeros((CAPACITY, *dtype.shape), dtype.base) for dtype in self._dtypes]
        self._next = 0

    def copy(self, payload: bytes) -> None:
        offset = len(payload)
        for dtype, place in zip(self._dtypes, self._places, strict=True):
            offset -= dtype.itemsize * ROWS
            place[self._next : self._next + ROWS] = np.frombuffer(payload, dtype, ROWS, offset)
        self._next = (self._next + ROWS) % (CAPACITY - ROWS)


def _read(transport: Transport, payloads: Sequence[bytes], use: Callable[[bytes], object]) -> float:
    """Seconds to read all messages, in the node's chunks, and to release them."""
    transport.clear()
    _push(transport, payloads)
    began, left, last = time.perf_counter(), len(payloads), ""
    while left:
        entries = transport.read_samples(last, CHUNK, 1.0)
        for entry in entries:
            use(entry.payload)
        left -= len(entries)
        last = entries[-1].id
        transport.release_samples(last)
    return time.perf_counter() - began


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
