"""Seconds until PPO solves LunarLander, from the launch of `soulsai train` until the mean of 20 episodes is 200.

Measured with 8 environments in each client, and with default settings.
"""

from __future__ import annotations

import argparse
from statistics import median

from benchmarks.common import Row, run_alone, say
from benchmarks.training import TIMEOUT, train

COMMAND = "python -m benchmarks.ppo.solve"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--num-envs", type=int, nargs="+", default=[8, 1], help="environments of each client")
    parser.add_argument("--telemetry", action="store_true", help="with the live page, as by default")


def measure(args: argparse.Namespace) -> list[Row]:
    return [_solve(num_envs, args) for num_envs in args.num_envs]


def _solve(num_envs: int, args: argparse.Namespace) -> Row:
    times = []
    for seed in args.seeds:
        settings = [f"run.seed={seed}", "algorithm.name=ppo", f"telemetry.enabled={str(args.telemetry).lower()}"]
        settings += [] if num_envs == 1 else [f"environment.config.num_envs={num_envs}"]
        stops = ("training.stop.mean_return=200", f"training.stop.seconds={TIMEOUT}")
        status, seconds = train(2, *settings, *stops)
        say(f"2 x {num_envs}, seed {seed}: {seconds:.1f} s, {status.env_steps} env steps, {status.mean_return:.1f}")
        times.append(seconds)
    note = f"median of {len(times)} seeds: {', '.join(f'{seconds:.0f}' for seconds in times)}"
    what = f"LunarLander to 200, 2 clients x {num_envs} environments, launch included"
    return Row(what, median(times), 30, "s", COMMAND, at_most=True, note=note)


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
