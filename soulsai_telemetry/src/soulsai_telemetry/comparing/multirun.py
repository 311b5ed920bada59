"""Trains several seeds one after the other, and summarizes them."""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from soulsai_core import Config, ConfigError, bootstrap_interval, interquartile_mean
from soulsai_core.app import (
    RunFolder,
    add_config_arguments,
    config_from,
    formatting,
    on_interrupt,
    program,
    run_path,
    shown_path,
    shown_run,
)
from soulsai_telemetry.comparing.curves import Band
from soulsai_telemetry.comparing.plotting import bands, draw, title_of
from soulsai_telemetry.comparing.runs import Run, find_runs
from soulsai_telemetry.comparing.table import rows
from soulsai_telemetry.comparing.training_process import start_training

# Options of `soulsai train` that only multirun may give.
_RESERVED = ("--seed", "--resume")

_FEWEST_FOR_INTERVAL = 3
"""Runs from which on a bootstrap interval of their mean is given."""


class Multirun:
    """Runs `soulsai multirun` with its arguments."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._train = args.train[1:] if args.train[:1] == ["--"] else list(args.train)
        self._child: subprocess.Popen[bytes] | None = None
        self._leaving = False

    def run(self) -> int:
        """Train each seed; those that fail are reported and left out. Returns 1 if any failed, 130 if interrupted."""
        self._check()
        folder = self._make_folder()
        seeds = range(self._args.first_seed, self._args.first_seed + self._args.seeds)
        print(f"{formatting.counted(len(seeds), 'run')}, one after the other, in {folder}", flush=True)
        with on_interrupt(self._leave):
            codes = {seed: self._train_one(seed, folder) for seed in seeds if not self._leaving}
        failed = [seed for seed, code in codes.items() if code]
        for seed in failed:
            print(f"soulsai: seed {seed} ended with code {codes[seed]}.", file=sys.stderr)
        if len(failed) < len(codes):
            self._summarize(folder)
        return 130 if self._leaving else int(bool(failed))

    def _check(self) -> None:
        if self._args.seeds < 1 or (self._args.window is not None and self._args.window < 1):
            raise ConfigError("--seeds and --window take 1 or more.")
        reserved = [word for word in self._train if word.partition("=")[0] in _RESERVED]
        if reserved:
            raise ConfigError(f"{reserved[0]} cannot be given to multirun, which chooses the seeds and starts afresh.")
        stop = self._config().training.stop
        if all(getattr(stop, goal) is None for goal in ("env_steps", "iterations", "seconds", "mean_return")):
            raise ConfigError(
                "The first run would never end: say when, for example with -- --set training.stop.env_steps=50000."
            )

    def _config(self) -> Any:
        return config_of(self._train)

    def _saves(self) -> Path:
        return Path(self._config().run.saves)

    def _make_folder(self) -> Path:
        """The new folder of the runs. Without --output another one is found if two commands start in one second."""
        chosen = self._args.output
        folder = chosen or self._saves() / f"multirun_{datetime.now():%Y-%m-%d_%H-%M-%S}"
        tries = (folder.with_name(f"{folder.name}_{number}") for number in count(2))
        path = folder
        while True:
            try:
                path.mkdir(parents=True)
                return path
            except FileExistsError as error:
                if chosen is not None:
                    raise ConfigError(f"--output {chosen} exists already: name a new folder.") from error
                path = next(tries)

    def _leave(self, reason: str) -> None:
        """Let the current training save and stop, and start no other."""
        self._leaving = True
        if self._child is not None:
            self._child.terminate()

    def _train_one(self, seed: int, folder: Path) -> int:
        # json.dumps: as YAML the path stays a string, whatever characters it has
        ours = ["--seed", str(seed), "--set", f"run.saves={json.dumps(str(folder))}", "--part-of", f"seed {seed}"]
        with start_training([*self._train, *ours]) as self._child:
            return self._child.wait()

    def _summarize(self, folder: Path) -> None:
        args = self._args
        runs = [run for run in find_runs([folder]) if run.points]
        if not runs:
            raise ConfigError(f"No run in {folder} has an episode that has ended, so there is nothing to summarize.")
        window = args.window or runs[0].window
        drawn = bands(runs, args.metric, args.axis, window)
        title = title_of(runs) if args.title is None else args.title
        draw(drawn, folder / "figure.png", title, args.metric, args.axis, window)
        table = rows(runs, window)
        report = {
            "runs": table,
            "best": _spread(table, "best"),
            "last": _spread(table, "last"),
            "curves": _curves(drawn),
        }
        (folder / "averages.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
        _print(runs, report, folder)


def config_of(arguments: Sequence[str]) -> Config:
    """The configuration that a training with these arguments will have."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_config_arguments(parser)
    parser.add_argument("--from", dest="source")
    known, _ = parser.parse_known_args(arguments)
    if known.source is not None and known.config is None:
        known.config = RunFolder.holding(run_path(known.source, Path("saves")))[0].config
    return config_from(known)


def _spread(table: list[dict[str, Any]], name: str) -> dict[str, float | None]:
    """Mean, median, extremes and interquartile mean over the runs, and the 95% bootstrap interval of the last; no
    interval of fewer than three runs, whose resamples say nothing."""
    values = np.array([row[name] for row in table if row[name] is not None])
    few = len(values) < _FEWEST_FOR_INTERVAL
    low, high = (None, None) if few else bootstrap_interval(values, np.random.default_rng(0))
    return {
        "lowest": float(values.min()),
        "highest": float(values.max()),
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "interquartile_mean": interquartile_mean(values),
        "interval_low": low,
        "interval_high": high,
    }


def _curves(drawn: dict[str, Band]) -> dict[str, Any]:
    return {
        label: {name: getattr(band, name).tolist() for name in ("x", "middle", "low", "high")}
        for label, band in drawn.items()
    }


def _print(runs: list[Run], report: dict[str, Any], folder: Path) -> None:
    number = formatting.number
    for name in ("best", "last"):
        spread = report[name]
        runs_counted = formatting.counted(len(runs), "run")
        if spread["interval_low"] is None:
            print(
                f"{name} return of {runs_counted}: mean {number(spread['mean'])} "
                f"({number(spread['lowest'])} to {number(spread['highest'])})"
            )
            continue
        print(
            f"{name} return of {runs_counted}: interquartile mean {number(spread['interquartile_mean'])} "
            f"(95% interval {number(spread['interval_low'])} to {number(spread['interval_high'])}), "
            f"mean {number(spread['mean'])}, median {number(spread['median'])}"
        )
    soulsai = program()
    where = Path(shown_path(folder))
    best = max(report["runs"], key=lambda row: -math.inf if row["best"] is None else row["best"])
    run = shown_run(folder / best["run"])
    model = " --best" if (folder / best["run"] / "best_model").is_dir() else ""
    print(
        f"  Figure  {where / 'figure.png'}\n"
        f"  Numbers {where / 'averages.json'}\n"
        f"Next:\n"
        f"  List    {soulsai} runs --saves {formatting.word(where)}\n"
        f"  Measure {soulsai} eval {run}{model}\n"
        f"  Watch   {soulsai} play {run}{model}"
    )
