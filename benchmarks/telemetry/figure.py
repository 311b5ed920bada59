"""The time to draw the figure of a run again: four panels of 20,000 episodes, written as PNG."""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.common import Row, run_alone
from soulsai_telemetry.drawing import RunFigure, save
from soulsai_telemetry.history.history import History
from soulsai_telemetry.history.records import EpisodeRecord

COMMAND = "python -m benchmarks.telemetry.figure"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The length of the run, and the number of drawings."""
    parser.add_argument("--episodes", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=20)


def measure(args: argparse.Namespace) -> list[Row]:
    """Time of the first drawing, and the median of the following ones, in CPU seconds of this process."""
    history = filled(args.episodes)
    figure = RunFigure(history.names, "benchmark")
    with tempfile.TemporaryDirectory() as folder:
        times = []
        # One more: the first drawing makes the axes, and is reported by itself.
        for _ in range(args.rounds + 1):
            started = time.process_time()
            figure.show(history)
            save(figure.figure, Path(folder) / "figure.png")
            times.append(time.process_time() - started)
    what = f"figure of {args.episodes:,} episodes, 4 panels"
    return [
        Row(f"{what}, drawn again", statistics.median(times[1:]), 0.15, "s", COMMAND, at_most=True),
        Row(f"{what}, the first time", times[0], None, "s", COMMAND),
    ]


def filled(episodes: int) -> History:
    """A history of this many episodes with four metrics."""
    history = History()
    rng = random.Random(0)
    averages = dict.fromkeys(("return", "length", "seconds", "win"), 0.0)
    for number in range(1, episodes + 1):
        values = {name: rng.gauss(number / 100, 50) for name in averages}
        averages = {name: average + (values[name] - average) / 50 for name, average in averages.items()}
        history.add(EpisodeRecord(number, 100 * number, 1.7e9 + number, number, "c", True, values, averages))
    return history


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
