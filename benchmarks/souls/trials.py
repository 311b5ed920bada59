"""Trainings with `soulsai train` over seeds: greedy win rates, and steps until half of the fights are won."""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from benchmarks.common import Row, say
from benchmarks.souls.results import Results
from soulsai_core import Agent, load_agent

SETTINGS = Path(__file__).parent / "settings" / "win_rates.yaml"
OURS = "preset"
PLAIN = "plain"


class Trials:
    """Trains every variant with every seed.

    Args:
        args: the arguments of `benchmarks.souls.win_rates`.
        win_rate: the win rate of an agent, in percent.
        command: the command that the table names.
    """

    def __init__(self, args: argparse.Namespace, win_rate: Callable[[Agent], float], command: str) -> None:
        plan = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))
        self._variants = {name: plan["variants"][name] for name in args.variants or plan["variants"]}
        self._seeds = plan["seeds"] if args.seeds is None else args.seeds
        self._env_steps = args.env_steps or plan["env_steps"]
        self._window = plan["window"]
        self._further = args.set
        self._boss = args.boss
        self._results = Results(args.results)
        self._win_rate = win_rate
        self._command = command

    def run(self) -> None:
        """Run the trainings that have no results yet."""
        for seed in self._seeds:
            for variant in self._variants:
                key = {"variant": variant, "seed": seed, **self._common}
                if self._results.matching(**key):
                    continue
                result = {**key, **self._train(variant, seed)}
                self._results.add(result)
                shown = {name: result[name] for name in ("won", "half_after", "train_s")}
                say(f"{variant}, seed {seed}: {shown}")

    @property
    def _common(self) -> dict[str, Any]:
        """What all results of one table have in common."""
        return {"boss": self._boss, "env_steps": self._env_steps, "set": self._further}

    def _train(self, variant: str, seed: int) -> dict[str, Any]:
        settings = [f"{name}={json.dumps(value)}" for name, value in self._variants[variant].items()]
        with tempfile.TemporaryDirectory() as folder:
            started = time.monotonic()
            run = _run(
                Path(folder),
                self._boss,
                seed,
                [f"training.stop.env_steps={self._env_steps}", *settings, *self._further],
            )
            seconds = time.monotonic() - started
            trained = load_agent(run, seed=seed)
            rates = _rolling(run, self._window)
            return {
                "won": self._win_rate(trained),
                "half_after": next((steps for steps, rate in rates if rate >= 0.5), None),
                "curve": rates[:: max(len(rates) // 100, 1)],
                "train_s": round(seconds, 1),
            }

    def rows(self) -> list[Row]:
        """The table of all results with this number of steps."""
        known = {name: self._results.matching(variant=name, **self._common) for name in self._variants}
        rows = []
        for name, found in known.items():
            if found:
                rows += self._rows_of(name, found)
        if known.get(OURS) and known.get(PLAIN):
            what = f"half of the fights won: {PLAIN} over {OURS}"
            never = sum(result["half_after"] is None for result in known[PLAIN])
            note = f"at least: {PLAIN} never got there with {never} seeds, which count as {self._env_steps:,} steps"
            factor = _half(known[PLAIN], never=self._env_steps) / _half(known[OURS])
            rows.append(Row(what, factor, 3, "x", self._command, note=note if never else ""))
        return rows

    def _rows_of(self, name: str, found: list[dict[str, Any]]) -> list[Row]:
        won = [result["won"] for result in found]
        ours = name == OURS
        hours = sum(result["train_s"] for result in found) / 3600
        what = f"{name}: greedy wins after {self._env_steps:,} steps"
        note = ", ".join(f"{rate:.0f}" for rate in won)
        reached = [result["half_after"] for result in found if result["half_after"] is not None]
        half = f"{len(reached)} of {len(found)} seeds got there, {hours:.1f} h of training"
        return [
            Row(f"{what}, least of {len(found)} seeds", min(won), 60 if ours else None, "%", self._command, note=note),
            Row(f"{name}: half of the fights won, median", _half(found), None, "steps", self._command, note=half),
        ]


def _half(found: list[dict[str, Any]], never: float = math.inf) -> float:
    """Median of the steps until half of the fights were won. `never` is the number for trainings without that."""
    return median(result["half_after"] or never for result in found)


def _run(folder: Path, boss: str, seed: int, settings: list[str]) -> Path:
    words = [word for one in (f"run.saves={folder}", *settings) for word in ("--set", one)]
    command = [sys.executable, "-m", "soulsai_core", "train", "--preset", f"{boss}-simulated", "--no-telemetry"]
    subprocess.run(
        [*command, "--clients", "1", "--seed", str(seed), *words],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return next(path for path in folder.iterdir() if (path / "checkpoint").is_dir())


def _rolling(run: Path, window: int) -> list[tuple[int, float]]:
    """(environment steps, share of the last `window` fights that was won), from the first full window on."""
    lines = (run / "episodes.jsonl").read_text(encoding="utf-8").splitlines()
    episodes = [episode for episode in map(json.loads, lines) if episode["complete"]]
    won = [episode["metrics"]["won"] for episode in episodes]
    return [
        (episodes[end - 1]["env_steps"], sum(won[end - window : end]) / window) for end in range(window, len(won) + 1)
    ]
