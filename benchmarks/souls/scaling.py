"""Wall-clock time to a return with 1, 8 and 16 clients, whose simulated games run in real time (10 steps a second).

The whole trial takes hours, most of them with one client. `--pace` shortens it and keeps the ratios as long as the
cores suffice. Each result is written to a file at once and not measured again, so that the same command continues an
interrupted trial.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.common import Row, run_alone, say
from benchmarks.souls.results import Results

COMMAND = "python -m benchmarks.souls.scaling"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 16], help="the first is the base")
    parser.add_argument("--goal", type=float, default=-0.3, help="mean return of 20 fights to reach")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="seeds for each number; means count")
    parser.add_argument("--pace", type=float, default=1.0, help="game seconds in a real second")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="further settings")
    parser.add_argument("--results", type=Path, default=Path("results/souls_scaling.jsonl"), help="file of results")


def measure(args: argparse.Namespace) -> list[Row]:
    results = Results(args.results)
    times = dict[int, float]()
    steps = dict[int, float]()
    for clients in args.clients:
        found = [_measured(results, clients, seed, args) for seed in args.seeds]
        times[clients] = sum(one["seconds"] for one in found) / len(found)
        steps[clients] = sum(one["env_steps"] for one in found) / len(found)
    base = args.clients[0]
    return [
        Row(
            f"speed-up of the time to a return of {args.goal:g}, {base} to {clients} clients",
            times[base] / times[clients], 0.8 * clients / base, "x", COMMAND,
            note=f"{times[base]:,.0f} s to {times[clients]:,.0f} s, {steps[base]:,.0f} to {steps[clients]:,.0f} steps",
        )
        for clients in args.clients[1:]
    ]  # fmt: skip


def _measured(results: Results, clients: int, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    key = {"clients": clients, "seed": seed, "goal": args.goal, "pace": args.pace, "set": args.set}
    found = results.matching(**key)
    if found:
        return found[0]
    result = {**key, **_train(clients, seed, args)}
    results.add(result)
    say(f"{clients} clients, seed {seed}: {result['seconds']:,.0f} s, {result['env_steps']:,} steps")
    return result


def _train(clients: int, seed: int, args: argparse.Namespace) -> dict[str, float]:
    """Seconds of the server's clock from the start of the first fight to the end of the last, and environment steps.
    The start of all processes is left out."""
    with tempfile.TemporaryDirectory() as folder:
        overrides = [
            f"run.saves={folder}",
            f"environment.config.simulation.pace={args.pace}",
            "training.stop={episodes: 20, env_steps: null, mean_return: " + str(args.goal) + "}",
            *args.set,
        ]
        command = [sys.executable, "-m", "soulsai_core", "train", "--preset", "iudex-simulated", "--no-telemetry"]
        command += ["--clients", str(clients), "--seed", str(seed)]
        command += [word for one in overrides for word in ("--set", one)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        run = next(path for path in Path(folder).iterdir() if (path / "checkpoint").is_dir())
        lines = (run / "episodes.jsonl").read_text(encoding="utf-8").splitlines()
        return _length([json.loads(line) for line in lines])


def _length(episodes: list[dict[str, Any]]) -> dict[str, float]:
    ends = [int(episode["entry"].partition("-")[0]) / 1000 for episode in episodes]
    began = min(end - episode["seconds"] for end, episode in zip(ends, episodes, strict=True))
    return {"seconds": round(max(ends) - began, 1), "env_steps": episodes[-1]["env_steps"]}


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
