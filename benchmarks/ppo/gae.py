"""Advantages of 16 environments x 2048 steps."""

from __future__ import annotations

import argparse
import time
from statistics import median

import numpy as np

from benchmarks.common import Row, run_alone
from soulsai_ppo.gae import advantages

COMMAND = "python -m benchmarks.ppo.gae"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repeats", type=int, default=200)


def measure(args: argparse.Namespace) -> list[Row]:
    rng, rows = np.random.default_rng(0), 16 * 2048
    reward, value, next_value = rng.normal(size=(3, rows)).astype(np.float32)
    terminated = rng.random(rows) < 0.004
    cut = ~terminated & (rng.random(rows) < 0.001)
    cut[2047::2048] |= ~terminated[2047::2048]
    seconds = []
    for _ in range(args.repeats):
        started = time.perf_counter()
        advantages(reward, value, next_value, terminated, cut, 0.99, 0.95)
        seconds.append(time.perf_counter() - started)
    note = f"fastest {1000 * min(seconds):.2f} ms"
    return [Row("GAE, 16 environments x 2048 steps", 1000 * median(seconds), 2, "ms", COMMAND, at_most=True, note=note)]


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
