"""Environment steps per second of the whole system, updates included, compared with stable-baselines3's PPO.

We have 2 clients x 8 environments. stable-baselines3 has 16 environments, in one process or in several and with one
thread of torch or one for each core, whichever is fastest. Network, rollout, minibatches, epochs and environment are
the same; the approximate KL divergence stops neither. The two are measured in turns.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
from statistics import median
from typing import NamedTuple

from benchmarks.common import RUN, Row, cores, read_status, run_alone, say, server, soulsai, wait_until

COMMAND = "python -m benchmarks.ppo.speed"
TIMEOUT = 600.0


class Recipe(NamedTuple):
    """Hyperparameters of both systems."""

    name: str
    rollout: int
    minibatch: int
    epochs: int
    learning_rate: float
    gamma: float
    gae_lambda: float
    clip: float = 0.2


RECIPES = (
    Recipe("stable-baselines3's defaults", 2048, 64, 10, 3e-4, 0.99, 0.95),
    Recipe("rl-zoo3's for LunarLander", 16 * 1024, 64, 4, 3e-4, 0.999, 0.98),
    Recipe("soulsai_ppo's defaults", 2048, 128, 10, 1e-3, 0.999, 0.98),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--python", default=sys.executable, help="interpreter that has stable-baselines3")
    parser.add_argument("--steps", type=int, default=160_000, help="environment steps of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each system, in turns")
    parser.add_argument("--recipe", type=int, choices=range(len(RECIPES)), help="measure only this recipe")


def measure(args: argparse.Namespace) -> list[Row]:
    chosen = RECIPES if args.recipe is None else (RECIPES[args.recipe],)
    return [_compare(recipe, args) for recipe in chosen]


def _compare(recipe: Recipe, args: argparse.Namespace) -> Row:
    ways = list(itertools.product((False, True), sorted({1, cores()})))
    trials = {way: _rival(recipe, args, 2 * recipe.rollout, *way) for way in ways}
    best = max(trials, key=lambda way: trials[way])
    say(f"{recipe.name}: stable-baselines3 is fastest with processes={best[0]}, threads={best[1]}")
    ours = []
    theirs = []
    for seed in range(args.rounds):
        ours.append(_own(recipe, args.steps, seed))
        theirs.append(_rival(recipe, args, args.steps, *best))
        say(f"{recipe.name}: {ours[-1]:,.0f} against {theirs[-1]:,.0f} steps/s")
    note = f"{median(ours):,.0f} against {median(theirs):,.0f} env steps/s"
    ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
    return Row(f"speed, {recipe.name}", ratio, 4, "times as fast", COMMAND, note=note)


def _own(recipe: Recipe, steps: int, seed: int) -> float:
    """Steps per second between the first update and the end."""
    settings = {
        "run.seed": seed, "algorithm.name": "ppo", "environment.config.num_envs": 8, "telemetry.enabled": "false",
        "training.stop.env_steps": steps + recipe.rollout, "algorithm.config.rollout": recipe.rollout,
        "algorithm.config.minibatch_size": recipe.minibatch, "algorithm.config.epochs": recipe.epochs,
        "algorithm.config.learning_rate": recipe.learning_rate, "algorithm.config.gamma": recipe.gamma,
        "algorithm.config.gae_lambda": recipe.gae_lambda, "algorithm.config.clip": recipe.clip,
        "algorithm.config.target_kl": "null",
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, server() as (transport, address):
        settings |= {"redis.address": address, "run.name": RUN, "run.saves": folder}
        words = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
        process = soulsai("train", "--clients", "2", *words)
        try:
            wait_until(lambda: transport.read_status() is not None, 60)
            wait_until(lambda: read_status(transport).iteration > 0, 60)
            first = read_status(transport)
            assert process.wait(TIMEOUT) == 0, "`soulsai train` failed"
        finally:
            process.terminate()
            process.wait(20)
        last = read_status(transport)
    return (last.env_steps - first.env_steps) / (last.elapsed - first.elapsed)


def _rival(recipe: Recipe, args: argparse.Namespace, steps: int, processes: bool, threads: int) -> float:
    options = {
        "steps": steps, "envs": 16, "threads": threads, "seed": 0, "rollout": recipe.rollout,
        "minibatch": recipe.minibatch, "epochs": recipe.epochs, "learning-rate": recipe.learning_rate,
        "gamma": recipe.gamma, "gae-lambda": recipe.gae_lambda, "clip": recipe.clip,
    }  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [args.python, "-m", "benchmarks.ppo.rival", *words, *(["--processes"] if processes else [])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1])["steps_per_second"])


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
