"""What evaluation during training costs, in CPU time: the rate of a training on a shared machine swings more.

    python -m benchmarks.evaluation_cost

A training on LunarLander at full speed takes turns: for a while it plays an evaluation episode every second, then none.
What the node and the clients use more for each admitted step, added up and divided by the episodes, is the cost of one.
Linux only, since it reads /proc.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.common import RUN, Row, read_status, run_alone, say, server, soulsai, wait_until
from soulsai_core.contracts import Transport
from soulsai_core.messages import Command, Reply

COMMAND = "python -m benchmarks.evaluation_cost"
_TICK = os.sysconf("SC_CLK_TCK")
_NEVER = 1e6
_FIRST = 5000
"""Steps before the measurement: learning has begun, and episodes are as long as they will be for a while."""


class Reading(NamedTuple):
    """Of all processes of the training, since their start: admitted steps, CPU seconds and evaluation episodes."""

    steps: int
    cpu: float
    episodes: int

    def since(self, before: Reading) -> Reading:
        return Reading(self.steps - before.steps, self.cpu - before.cpu, self.episodes - before.episodes)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=30, help="length of each of the two parts of a round")


def measure(args: argparse.Namespace) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, server() as (transport, address):
        settings = [f"redis.address={address}", f"run.name={RUN}", f"run.saves={folder}", "telemetry.enabled=false"]
        settings.append(f"training.evaluation.every_s={2 * _NEVER}")  # on, so that it may be changed
        training = soulsai("train", "--seed", "0", *(word for each in settings for word in ("--set", each)))
        try:
            wait_until(lambda: transport.read_status() is not None, 120, 0.5)
            wait_until(lambda: read_status(transport).env_steps >= _FIRST, 600, 0.5)
            rounds = [_round(training.pid, transport, Path(folder), args.seconds) for _ in range(args.rounds)]
        finally:
            training.terminate()
            training.wait(30)
    return _rows(rounds)


def _round(training: int, transport: Transport, saves: Path, seconds: float) -> tuple[Reading, Reading]:
    """What was done without evaluation, and with it."""
    parts = []
    for every_s in (_NEVER, 1.0):
        _set(transport, f"training.evaluation.every_s={every_s}")
        before = _read(training, transport, saves)
        time.sleep(seconds)
        parts.append(_read(training, transport, saves).since(before))
    say(f"without: {parts[0]}, with: {parts[1]}")
    return parts[0], parts[1]


def _rows(rounds: list[tuple[Reading, Reading]]) -> list[Row]:
    """Added up over the rounds: an episode more or less, and what others do on the machine, decide much in one."""
    without = _sum([without for without, _ in rounds])
    with_ = _sum([with_ for _, with_ in rounds])
    step = without.cpu / without.steps
    cost = (with_.cpu - with_.steps * step) / max(with_.episodes - without.episodes, 1)
    what = "an evaluation episode during a training on LunarLander, CPU of all processes"
    note = f"{with_.episodes - without.episodes} episodes, {1e6 * step:,.0f} µs a step without"
    return [
        Row(what, 1e3 * cost, None, "ms", COMMAND, note=note),
        Row("one a minute, as a share of one core", 100 * cost / 60, 2, "%", COMMAND, at_most=True),
    ]


def _sum(readings: list[Reading]) -> Reading:
    return Reading(
        sum(reading.steps for reading in readings),
        sum(reading.cpu for reading in readings),
        sum(reading.episodes for reading in readings),
    )


def _read(training: int, transport: Transport, saves: Path) -> Reading:
    """A reading at the time of a new status."""
    last = transport.read_status()
    wait_until(lambda: transport.read_status() != last, 60, 0.01)
    cpu = sum(map(_cpu_seconds, _processes(training)))
    steps = read_status(transport).env_steps
    [episodes] = saves.glob("*/episodes.jsonl")
    lines = episodes.read_bytes().splitlines()
    return Reading(steps, cpu, sum(b'"evaluation":0' not in line for line in lines))


def _processes(first: int) -> list[int]:
    """The process and those that it started."""
    output = subprocess.run(["ps", "-o", "pid=", "--ppid", str(first)], capture_output=True, text=True, check=False)
    own = os.getpid()
    return [first, *(pid for line in output.stdout.split() for pid in _processes(int(line)) if pid != own)]


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _set(transport: Transport, setting: str) -> None:
    command = Command(uuid.uuid4().hex, "set", {"settings": [setting], "origin": "a benchmark"})
    answer = transport.command(command.id, msgspec.json.encode(command), 60)
    assert answer is not None and msgspec.json.decode(answer, type=Reply).ok, answer


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
