"""Milliseconds to compute the advantages (GAE) of 16 environments x 2048 steps."""

from __future__ import annotations

import argparse
import time
from statistics import median

import numpy as np

from benchmarks.common import Row, run_alone
from soulsai_ppo.rollouts.gae import advantages

COMMAND = "python -m benchmarks.ppo.gae"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repeats", type=int, default=200)


def measure(args: argparse.Namespace) -> list[Row]:
    rng = np.random.default_rng(0)
    rows = 16 * 2049
    reward, value = rng.normal(size=(2, rows)).astype(np.float32)
    learned = rng.random(rows) >= 0.001
    learned[2048::2049] = False  # the observation after the last step of each environment
    terminated = learned & (rng.random(rows) < 0.004)
    seconds = []
    for _ in range(args.repeats):
        started = time.perf_counter()
        advantages(reward, value, terminated, learned, 0.99, 0.95)
        seconds.append(time.perf_counter() - started)
    note = f"fastest {1000 * min(seconds):.2f} ms"
    return [Row("GAE, 16 environments x 2048 steps", 1000 * median(seconds), 2, "ms", COMMAND, at_most=True, note=note)]


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
