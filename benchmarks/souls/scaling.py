"""Wall time to a return with 1, 8 and 16 clients, whose simulated games run in real time (10 steps a second each).

The whole trial takes hours, most of them with the one client; `--pace` shortens it and keeps the proportions as long
as the cores suffice.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import Row, run_alone, say

COMMAND = "python -m benchmarks.souls.scaling"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 16], help="the first is the base")
    parser.add_argument("--goal", type=float, default=-0.3, help="mean return of 20 fights to reach")
    parser.add_argument("--pace", type=float, default=1.0, help="game seconds in a real second")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="further settings")


def measure(args: argparse.Namespace) -> list[Row]:
    times = {}
    for clients in args.clients:
        times[clients], steps = _train(clients, args)
        say(f"{clients} clients: {times[clients]:,.0f} s, {steps:,} steps")
    base = args.clients[0]
    return [
        Row(
            f"speed-up of the time to a return of {args.goal:g}, {base} to {clients} clients",
            times[base] / times[clients], 0.8 * clients / base, "x", COMMAND,
        )
        for clients in args.clients[1:]
    ]  # fmt: skip


def _train(clients: int, args: argparse.Namespace) -> tuple[float, int]:
    """Seconds to the goal, the start of all processes left out, and environment steps."""
    with tempfile.TemporaryDirectory() as folder:
        overrides = [
            f"run.saves={folder}",
            f"environment.config.simulation.pace={args.pace}",
            "training.stop={episodes: 20, mean_return: " + str(args.goal) + "}",
            *args.set,
        ]
        command = [sys.executable, "-m", "soulsai_core", "train", "--preset", "iudex-simulated", "--no-telemetry"]
        command += ["--clients", str(clients), *(word for one in overrides for word in ("--set", one))]
        started = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        run = next(path for path in Path(folder).iterdir() if (path / "checkpoint").is_dir())
        episodes = (run / "episodes.jsonl").read_text(encoding="utf-8").splitlines()
        return time.monotonic() - started, json.loads(episodes[-1])["env_steps"]


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
