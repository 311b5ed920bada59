"""Runs trainings over seeds, as a file of settings describes them, and makes a table and curves.

    python -m benchmarks.learning lunar_lander                 # all its seeds, into results/lunar_lander.jsonl
    python -m benchmarks.learning lunar_lander --seeds 0 1 --max-steps 5000
    python -m benchmarks.learning lunar_lander --table         # of the results, without running anything
    python -m benchmarks.learning lunar_lander --seeds 0 --keep saves    # for benchmarks.learning.look

A seed that is in the results already is not run again. With `stop_at_goal` in the file, trainings end at the goal.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import yaml

from benchmarks.learning.harness import LAGS, Loop, train
from benchmarks.learning.table import draw_curves, print_table
from soulsai_core import Catalog

HERE = Path(__file__).parent
# What a file of settings may say of each of its trainings.
LIMITS = ("max_steps", "goal", "greedy", "greedy_every")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(path.stem for path in (HERE / "settings").glob("*.yaml")))
    parser.add_argument("--seeds", type=int, nargs="+", help="instead of those of the file")
    parser.add_argument("--max-steps", type=int, help="instead of those of the file")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the results")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep each training there as a run")
    parser.add_argument("--save-every", type=int, metavar="STEPS", help="checkpoints of kept runs (default: the last)")
    parser.add_argument("--table", action="store_true", help="only print the table of the results")
    args = parser.parse_args()
    plan = yaml.safe_load((HERE / "settings" / f"{args.name}.yaml").read_text())
    plan["seeds"] = args.seeds or plan["seeds"]
    plan["max_steps"] = args.max_steps or plan["max_steps"]
    args.results.mkdir(parents=True, exist_ok=True)
    file = args.results / f"{args.name}.jsonl"
    if not args.table:
        torch.set_num_threads(1)
        _run(args.name, plan, file, args.keep, args.save_every)
    runs = _read(file)
    print_table(runs, plan.get("target"))
    draw_curves(runs, file.with_suffix(".svg"))


def _run(name: str, plan: dict[str, Any], file: Path, keep: Path | None, save_every: int | None) -> None:
    done = {(run["name"], run["seed"]) for run in _read(file)}
    for seed in plan["seeds"]:
        for label, settings, options in _variants(name, plan):
            if (label, seed) in done:
                continue
            folder = None if keep is None else keep / f"{label.replace(' ', '-')}-{seed}"
            loop = Loop(plan["algorithm"], settings, plan["environment"], seed=seed, keep=folder, **options)
            limits: dict[str, Any] = {name: plan[name] for name in LIMITS if name in plan}
            run = train(label, loop, seed, stop=plan.get("stop_at_goal", False), save_every=save_every, **limits)
            with file.open("a") as lines:
                lines.write(json.dumps(run.line()) + "\n")
            print(
                f"{label}, seed {seed}: goal after {run.solved} steps, greedy {run.final}, {run.wall_s:.0f} s",
                flush=True,
            )


def _variants(name: str, plan: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(label, settings, options of the loop) of each variant in the file. Settings override those of the preset."""
    preset = Catalog().preset(plan["preset"]).values["algorithm"]["config"] if "preset" in plan else {}
    for index, (label, changes) in enumerate(plan.get("variants", {name: {}}).items()):
        settings = {**preset, **plan["settings"], **changes}
        options: dict[str, Any] = {}
        if "clients" in plan:
            options["clients"] = plan["clients"][index]
        if plan.get("lags_follow_window"):
            options["lags"] = tuple(range(min(LAGS[0], settings["max_staleness"] - 1), settings["max_staleness"]))
        yield label, settings, options


def _read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


if __name__ == "__main__":
    main()
