"""Steps per second of soulsgym's environment with the simulated game, on one core, in this process and in its own."""

from __future__ import annotations

import argparse
import time
from contextlib import closing

import numpy as np

from benchmarks.common import Row, pin, run_alone
from soulsai_core import Environment
from soulsai_core.environments.isolation import IsolatedEnvironment, installed
from soulsai_souls_env.config import SoulsConfig
from soulsai_souls_env.plugin import plugin

COMMAND = "python -m benchmarks.souls.speed"
CONFIG = SoulsConfig(game="simulated")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=20_000, help="steps of each measurement")


def measure(args: argparse.Namespace) -> list[Row]:
    pin(0)
    here, cpu = _steps_per_second(plugin.make(CONFIG, 0), args.steps)
    make = installed(plugin, CONFIG, 0)
    elsewhere, _ = _steps_per_second(IsolatedEnvironment(make, step_timeout=30, start_timeout=60), args.steps)
    return [
        Row(
            "simulated fight, random agent, one core", here, 3_000, "env steps/s", COMMAND, note=f"CPU time: {cpu:,.0f}"
        ),
        Row("the same in a process of its own, on the same core", elsewhere, None, "env steps/s", COMMAND),
    ]


def _steps_per_second(environment: Environment, steps: int) -> tuple[float, float]:
    """Steps per second of the wall clock, and of this process' CPU time."""
    rng = np.random.default_rng(0)
    with closing(environment):
        step = environment.reset()
        wall = time.perf_counter()
        cpu = time.process_time()
        for _ in range(steps):
            assert step.masks is not None
            valid = np.flatnonzero(step.masks[0])
            step = environment.step(valid[rng.integers(len(valid), size=1)])
        return steps / (time.perf_counter() - wall), steps / (time.process_time() - cpu)


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
