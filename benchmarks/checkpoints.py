"""The longest time without a gradient step while a checkpoint is written, with a full replay buffer.

The real DQN learner, prioritized, makes one gradient step after another. A checkpoint is written by the node's own
thread, next to the journal's files with as many bytes as the buffer has. Its cost is the longest gap between two
gradient steps in that time less the median gap.

On a busy machine most of a long gap is waiting for a core, which other programs use. So each checkpoint is followed by
as many gradient steps without one, whose longest gap is given, too; and where the system tells (Linux) the same is
given without the time in which the learning thread could have run and had no core.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from benchmarks.common import Row, run_alone, say
from soulsai_core import ArraySpec, Discrete, EnvSpec, StepBatch, step_columns
from soulsai_core.contracts import API_VERSION
from soulsai_core.hooks.observers import Observers
from soulsai_core.journal.journal import Journal
from soulsai_core.journal.records import Limits, Record
from soulsai_core.journal.segments import End
from soulsai_core.messages import Announcement
from soulsai_core.node.saving.saver import CheckpointOptions, Counters, Saver
from soulsai_core.node.saving.saving_thread import SavingThread
from soulsai_core.run_folder import RunFolder
from soulsai_core.wire import encode_steps
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.learning.learner import DQNLearner

COMMAND = "python -m benchmarks.checkpoints"
MESSAGE = 512
TARGET_MS = 50
LEAST_STEPS = 10
"""Gradient steps of a round, at least."""
_SCHEDULE = Path("/proc/thread-self/schedstat")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--vectors", type=int, default=1_000_000, help="rows of vectors; 0 leaves them out")
    parser.add_argument("--images", type=int, default=100_000, help="rows of images; 0 leaves them out")
    parser.add_argument("--rounds", type=int, default=5, help="checkpoints of each")


def measure(args: argparse.Namespace) -> list[Row]:
    rows = []
    if args.vectors:
        rows.extend(
            _measure("vectors", EnvSpec("vectors", {"observation": ArraySpec((8,), "float32")}, Discrete(4)), args)
        )
    if args.images:
        image = EnvSpec("images", {"observation": ArraySpec((1, 84, 84), "uint8", 0, 255)}, Discrete(4))
        rows.extend(_measure("images", image, args))
    return rows


def _measure(name: str, spec: EnvSpec, args: argparse.Namespace) -> list[Row]:
    count = getattr(args, name)
    own = {"frame_stack": 4, "batch_size": 32} if name == "images" else {"batch_size": 64}
    config = DQNConfig.model_validate(
        {"buffer_size": count, "prioritized": {}, "update_every": 1, "replay_ratio": 1, "learning_starts": 1, **own}
    )
    learner = DQNLearner(config, spec, np.random.default_rng(0))
    learner.started(resumed=False)
    with tempfile.TemporaryDirectory() as folder:
        results = _gaps(learner, spec, RunFolder(Path(folder)), count, args.rounds)
    return _rows(f"{count:,} {name}", results)


def _rows(what: str, results: list[_Round]) -> list[Row]:
    usual = 1e3 * median(median(gap.seconds for gap in one.without) for one in results)
    snapshot = 1e3 * median(one.snapshot for one in results)
    seconds = median(one.seconds for one in results)
    note = (
        f"median of {len(results)} checkpoints; without one {_excess(results, 'without', 'seconds'):.0f} ms in as many "
        f"steps; a gradient step takes {usual:.1f} ms, the snapshot {snapshot:.1f} ms, the checkpoint {seconds:.2f} s"
    )
    first = f"longest gap between gradient steps while a checkpoint is written, {what}"
    rows = [Row(first, _excess(results, "during", "seconds"), TARGET_MS, "ms", COMMAND, at_most=True, note=note)]
    if _core_wait() is not None:
        note = f"without one {_excess(results, 'without', 'running'):.0f} ms"
        second = "the same, without the time in which the thread waited for a core"
        rows.append(Row(second, _excess(results, "during", "running"), TARGET_MS, "ms", COMMAND, True, note))
    return rows


def _excess(results: list[_Round], when: str, which: str) -> float:
    """Median over the rounds: ms of the longest gap "during" the checkpoint or "without" one, less the median gap
    without."""
    values = []
    for one in results:
        longest = max(getattr(gap, which) for gap in getattr(one, when))
        values.append(1e3 * (longest - median(getattr(gap, which) for gap in one.without)))
    return median(values)


class _Gap(NamedTuple):
    """Seconds between the ends of two gradient steps, and those of them in which the thread did not wait for a core."""

    seconds: float
    running: float


class _Round(NamedTuple):
    """Gaps during a checkpoint, and as many without one; seconds that the snapshot and the whole checkpoint took."""

    during: list[_Gap]
    without: list[_Gap]
    snapshot: float
    seconds: float


def _core_wait() -> float | None:
    """Seconds in which this thread could have run and had no core, None where the system does not tell."""
    try:
        return int(_SCHEDULE.read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return None


def _gaps(learner: DQNLearner, spec: EnvSpec, folder: RunFolder, count: int, rounds: int) -> list[_Round]:
    journal = Journal(folder.journal, End(), Limits(3, 1), time.monotonic, random.Random(0))
    journal.start()
    rng = np.random.default_rng(0)
    say(f"filling {count:,} rows ...")
    for first in range(0, count, MESSAGE):
        steps = _message(spec, rng, first)
        learner.add(steps, "client")
        journal.append(Record(encode_steps("run", "client", first // MESSAGE + 1, steps), 0, len(steps)))
        journal.wait_written(10)
    announcement = Announcement(API_VERSION, "0", "run", {}, {"name": "dqn"}, {}, spec, {})
    counters = lambda: Counters(0, count, 0.0, 0, 0, journal.end.record, learner.reach(), {}, [])  # noqa: E731
    saver = Saver(learner, announcement, folder, Observers(), counters, journal)
    thread = SavingThread(saver, random.Random(0))
    thread.start()
    results = [_round(learner, thread, folder) for _ in range(rounds + 1)]
    thread.close()
    journal.close()
    return results[1:]  # the first one warms up


def _round(learner: DQNLearner, thread: SavingThread, folder: RunFolder) -> _Round:
    began = time.perf_counter()
    waited = _core_wait()
    thread.request(lambda: folder.checkpoint, CheckpointOptions(kind="periodic"), lambda *_: None)
    thread.hand_over()
    snapshot = time.perf_counter() - began
    during = _steps(learner, lambda n: thread.busy or n < LEAST_STEPS, (began, waited))
    seconds = time.perf_counter() - began
    without = _steps(learner, lambda n: n < len(during), (time.perf_counter(), _core_wait()))
    return _Round(during, without, snapshot, seconds)


def _steps(learner: DQNLearner, goes_on: Callable[[int], bool], began: tuple[float, float | None]) -> list[_Gap]:
    """Gaps between the ends of gradient steps. The first one begins with `began`: the time, and `_core_wait` then."""
    gaps: list[_Gap] = []
    last, waited_before = began
    while goes_on(len(gaps)):
        learner.update()
        now = time.perf_counter()
        waited = _core_wait()
        gaps.append(_Gap(now - last, now - last - ((waited or 0.0) - (waited_before or 0.0))))
        last = now
        waited_before = waited
    return gaps


def _message(spec: EnvSpec, rng: np.random.Generator, first: int) -> StepBatch:
    columns = {}
    for name, column in step_columns(spec, {}, 1e6).items():
        if np.dtype(column.dtype).kind == "f":
            columns[name] = rng.random((MESSAGE, *column.shape), np.float32)
        else:
            columns[name] = rng.integers(0, int(column.high or 1) + 1, (MESSAGE, *column.shape)).astype(column.dtype)
    columns["action"] %= 4
    segments = np.array([[0, first, MESSAGE, 0, 0, int(first == 0), 0]], np.int64)
    after = {name: columns[name][:1] for name in spec.observations}
    return StepBatch(segments, columns, after)


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
