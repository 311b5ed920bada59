"""Steps per second that the training node receives, compared with reading the same bytes without checks.

Messages of LunarLander steps wait in a real server. The real node reads, decodes, checks and counts them, and puts them
into the replay buffer of the real DQN learner, which makes no updates. They are those of one client that plays without
a break, in episodes of 200 steps.

Each round is made with the journal and with it switched off, in turn the one or the other first: what it costs is the
share of the rate that is left with it. On a busy machine one part of a round gets more of a core than the other, and
the rates of a round differ by half. So the same is given in processor time of all threads of the node, which is a lower
bound: on a machine with a core to spare the journal's threads use that. The journal's bytes are compared with those of
the messages.

Without checks, one loop reads the same messages and copies their values into arrays. It reads neither headers nor
numbers, because the positions of the values are known.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from benchmarks.common import Row, columns_of, lunar_lander, run_alone, say, server
from soulsai_core import Arrays, EnvSpec, StepBatch
from soulsai_core.assembly.node import node_parts
from soulsai_core.cli.garbage import leave_out_what_exists
from soulsai_core.contracts import Transport
from soulsai_core.node.training import TrainingNode
from soulsai_core.run_folder import RunFolder
from soulsai_core.steps import End, has_after
from soulsai_core.transport import StreamLimits
from soulsai_core.wire import encode_steps
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.learning.learner import DQNLearner

COMMAND = "python -m benchmarks.ingest"
TARGETS = {128: (300_000, 50)}
JOURNAL_TARGET = 80
BYTES_TARGET = 1.1
EPISODE = 200
CHUNK = 256
CAPACITY = 100_000
LIMITS = StreamLimits(max_entries=10**6, max_bytes=2**34)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, nargs="+", default=[128, 1], help="rows of a message; each is measured")
    parser.add_argument("--messages", type=int, default=8_000, help="messages of each round")
    parser.add_argument("--rounds", type=int, default=6, help="rounds, each with the node and then without checks")


def measure(args: argparse.Namespace) -> list[Row]:
    return [row for rows in args.rows for row in _measure(rows, args.messages, args.rounds)]


def _measure(rows: int, messages: int, rounds: int) -> list[Row]:
    found = [_round(rows, messages, journal_first=bool(number % 2)) for number in range(rounds)]
    ours = max(one.ours.rate for one in found)
    dropped = max(one.dropped for one in found)
    copied = max(one.copied for one in found)
    say(f"{rows} a message, without checks: dropped {dropped:,.0f} steps/s, copied into arrays {copied:,.0f}")
    rates = [100 * one.ours.rate / one.without.rate for one in found]
    rate_target, share_target = TARGETS.get(rows, (None, None))
    what = f"steps into the replay buffer, {rows} a message"
    command = f"{COMMAND} --rows {rows}"
    usual = f"median of {rounds} rounds"
    spread = f"{usual}, {min(rates):.0f} to {max(rates):.0f} %"
    share = 100 * median(one.ours.rate / one.copied for one in found)
    work = 100 * median(one.without.work for one in found) / median(one.ours.work for one in found)
    size = median(one.bytes for one in found)
    return [
        Row(what, ours, rate_target, "steps/s", command, note=f"best of {rounds} rounds; copied {copied:,.0f}"),
        Row("the same, as a share of copying without checks", share, share_target, "%", command, note=usual),
        Row("the same, as a share of that without journal", median(rates), JOURNAL_TARGET, "%", command, note=spread),
        Row("the same in processor time", work, JOURNAL_TARGET, "%", command, note="medians of the rounds"),
        Row("bytes of the journal for each byte of messages", size, BYTES_TARGET, "", command, at_most=True),
    ]


class _Received(NamedTuple):
    """What a node received: steps per second, and seconds of processor time of all its threads."""

    rate: float
    work: float


class _Round(NamedTuple):
    """The node with its journal and without; steps per second that were read and dropped, and read and copied into
    arrays; bytes of the journal for each byte of messages."""

    ours: _Received
    without: _Received
    dropped: float
    copied: float
    bytes: float


def _round(rows: int, messages: int, *, journal_first: bool) -> _Round:
    steps = messages * rows
    with tempfile.TemporaryDirectory() as folder, server(LIMITS) as (transport, _):
        received = {}
        for journal in (journal_first, not journal_first):
            run = Path(folder) / str(journal)
            node, learner = _node(transport, run, rows, messages, journal=journal)
            node.run()
            assert node.env_steps == steps, f"{node.env_steps} of {steps} rows were admitted"
            received[journal] = _Received(steps / learner.seconds, learner.work)
        dropped = _read(transport, learner.payloads, len)
        copied = _read(transport, learner.payloads, _Unchecked(learner.batch).copy)
        written = sum(file.stat().st_size for file in Path(folder).glob("True/run/journal/*"))
        size = written / sum(map(len, learner.payloads))
    return _Round(received[True], received[False], steps / dropped, steps / copied, size)


class _TimedLearner(DQNLearner):
    """Fills the server just before the node begins to read, when its first model is asked for, and measures the time
    until the last row, and the work until the node has ended."""

    transport: Transport
    payloads: Sequence[bytes]
    batch: StepBatch

    _left = 0

    def weights(self) -> Arrays:
        if not self._left:
            _push(self.transport, self.payloads)
            self._left = len(self.payloads) * len(self.batch)
            self._began = time.perf_counter()
            self._worked = time.process_time()
        return super().weights()

    def add(self, steps: StepBatch, client: str) -> None:
        super().add(steps, client)
        self._left -= len(steps)
        if not self._left:
            self.seconds = time.perf_counter() - self._began

    def stopped(self) -> None:
        super().stopped()
        self.work = time.process_time() - self._worked


def _node(
    transport: Transport, folder: Path, rows: int, messages: int, *, journal: bool
) -> tuple[TrainingNode, _TimedLearner]:
    """A node that stops when it has received all messages. Its last checkpoint is not measured."""
    goal = f"training.stop.env_steps={messages * rows}"
    never = f"algorithm.config.update_every={10**9}"
    resolved = lunar_lander(
        f"run.saves={folder}", goal, never, f"training.journal={str(journal).lower()}", "training.keep_steps=true"
    )
    parts = node_parts(resolved, transport, RunFolder(folder / "run"))
    (folder / "run").mkdir(parents=True)
    spec = parts["announcement"].spec
    config = resolved.algorithm_config
    assert isinstance(config, DQNConfig)
    learner = _TimedLearner(config, spec, np.random.default_rng(0))
    learner.transport = transport
    source = Messages(spec, rows)
    learner.payloads = [encode_steps("run", "client", number + 1, source.batch(number)) for number in range(messages)]
    learner.batch = source.batch(0)
    node = TrainingNode(**{**parts, "learner": learner})
    leave_out_what_exists()  # as `soulsai train` does
    return node, learner


class Messages:
    """Messages of one client that plays without a break. All have the same values."""

    def __init__(self, spec: EnvSpec, rows: int) -> None:
        rng = np.random.default_rng(0)
        columns = columns_of(lunar_lander())
        self._rows = rows
        self._columns = {name: rng.random((rows, *one.shape)).astype(one.dtype) for name, one in columns.items()}
        self._after = {name: self._columns[name] for name in spec.observations}

    def batch(self, number: int) -> StepBatch:
        """Message `number`, counted from 0."""
        segments = []
        first = number * self._rows
        stop = (number + 1) * self._rows
        while first < stop:
            rows = min(EPISODE - first % EPISODE, stop - first)
            end = End.TERMINATED if (first + rows) % EPISODE == 0 else End.GOES_ON
            segments.append((0, first, rows, 0, 0, first % EPISODE == 0, end))
            first += rows
        table = np.array(segments, np.int64)
        followed = int(has_after(table).sum())
        return StepBatch(table, self._columns, {name: kept[:followed] for name, kept in self._after.items()})


def _push(transport: Transport, payloads: Sequence[bytes]) -> None:
    for at in range(0, len(payloads), CHUNK):
        transport.push_samples(payloads[at : at + CHUNK])


class _Unchecked:
    """Copies the values of messages such as `batch` into arrays as large as the replay buffer.

    Some messages end with an episode and have no observation after it. What is copied then is wrong, at the same cost.
    """

    def __init__(self, batch: StepBatch) -> None:
        columns = [*(batch.columns[name] for name in sorted(batch.columns)), *batch.after.values()]
        columns.sort(key=lambda column: column.dtype.itemsize)
        self._columns = [(column.dtype, column.shape, column.size, column.nbytes) for column in columns]
        self._arrays = [np.zeros((CAPACITY // len(column), *column.shape), column.dtype) for column in columns]
        self._next = 0

    def copy(self, payload: bytes) -> None:
        offset = len(payload)  # from the end: the length of the header varies
        for (dtype, shape, numbers, size), array in zip(self._columns, self._arrays, strict=True):
            offset -= size
            array[self._next % len(array)] = np.frombuffer(payload, dtype, numbers, offset).reshape(shape)
        self._next += 1


def _read(transport: Transport, payloads: Sequence[bytes], use: Callable[[bytes], object]) -> float:
    """Seconds to read all messages, as many at a time as the node does, and to release them."""
    transport.clear()  # the node has read and released the messages
    _push(transport, payloads)
    began = time.perf_counter()
    left = len(payloads)
    last = ""
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
