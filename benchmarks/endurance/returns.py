"""How well a run plays at its end, and the spread of undisturbed runs of as many steps.

Undisturbed runs play at full speed: DQN's in one process (`soulsai train --serial`), PPO's with two clients.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import msgspec

from benchmarks.common import Row, run_alone, say
from benchmarks.endurance.services import module

COMMAND = "python -m benchmarks.endurance.returns"
SETTINGS = {
    "dqn": ("algorithm.name=dqn", "algorithm.config.hidden=[64]", "algorithm.config.learning_starts=500"),
    "ppo": ("algorithm.name=ppo", "algorithm.config.hidden=[64]", "algorithm.config.rollout=512"),
}
"""Small networks, so that the processes fit on two cores."""
ENVIRONMENTS = {"CartPole": "CartPole-v1", "LunarLander": "LunarLander-v3"}


def history(run: Path) -> Iterator[dict[str, Any]]:
    """The rows of a run's history, oldest first."""
    for path in sorted(run.glob("episodes*.jsonl")):
        for line in path.read_bytes().splitlines():
            yield msgspec.json.decode(line)


def final_return(run: Path) -> float:
    """Mean return of the episodes of training in the last tenth of a run's steps, 0 if there is none."""
    rows = [row for row in history(run) if row["complete"] and not row["evaluation"]]
    if not rows:
        return 0.0
    since = 0.9 * max(row["env_steps"] for row in rows)
    return mean(row["total_reward"] for row in rows if row["env_steps"] >= since)


def undisturbed(algorithm: str, environment: str, steps: int, seed: int) -> float:
    """The final return of a run of which nothing is killed."""
    how = ["--serial"] if algorithm == "dqn" else ["--clients", "2", "--no-telemetry"]
    with tempfile.TemporaryDirectory(prefix="undisturbed-") as folder:
        options = [
            *SETTINGS[algorithm],
            f"environment.config.id={ENVIRONMENTS[environment]}",
            f"training.stop.env_steps={steps}",
            f"run.saves={folder}",
        ]
        words = [word for option in options for word in ("--set", option)]
        command = module("soulsai_core", "train", *how, "--seed", str(seed), *words)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        [run] = (path for path in Path(folder).iterdir() if path.is_dir())
        return final_return(run)


def spread(algorithm: str, environment: str, steps: int, seeds: Sequence[int]) -> list[float]:
    """The final returns of undisturbed runs with these seeds."""
    found = []
    for seed in seeds:
        found.append(undisturbed(algorithm, environment, steps, seed))
        say(f"{algorithm} on {environment}, undisturbed, seed {seed}: final return {found[-1]:.1f}")
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--algorithm", default="dqn", choices=list(SETTINGS))
    parser.add_argument("--environment", default="CartPole", choices=list(ENVIRONMENTS))
    parser.add_argument("--steps", type=int, default=300_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])


def measure(args: argparse.Namespace) -> list[Row]:
    found = spread(args.algorithm, args.environment, args.steps, args.seeds)
    what = f"{args.algorithm} on {args.environment}, {args.steps:,} steps undisturbed: final return"
    command = f"{COMMAND} --algorithm {args.algorithm} --environment {args.environment} --steps {args.steps}"
    return [Row(what, mean(found), None, "", command, note=", ".join(f"{one:.1f}" for one in found))]


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
