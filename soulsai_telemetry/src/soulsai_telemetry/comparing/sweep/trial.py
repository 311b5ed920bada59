"""One training of a sweep: a process of `soulsai train`, and what its episodes say up to now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from soulsai_telemetry.comparing.runs import Run
from soulsai_telemetry.comparing.sweep.settings import SweepSettings
from soulsai_telemetry.comparing.training_process import start_training

REPORTS = 20
"""Reports of a whole training, by which it is compared with others at the same point."""


def overrides(values: Mapping[str, Any]) -> list[str]:
    """`--set` for each of these settings."""
    # JSON is YAML: text and lists stay what they are.
    return [word for name, value in values.items() for word in ("--set", f"{name}={json.dumps(value)}")]


class Training:
    """A training in a folder of its own.

    Args:
        folder: where its run and its output go.
        goal: environment steps after which it ends.
    """

    def __init__(self, settings: SweepSettings, folder: Path, values: Mapping[str, Any], seed: int, goal: int) -> None:
        self._settings = settings
        self._folder = folder
        self._goal = goal
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "settings.json").write_text(json.dumps(dict(values), indent=1), encoding="utf-8")
        ours = ["--seed", str(seed), "--no-telemetry", "--set", f"run.saves={json.dumps(str(folder))}"]
        with self.log.open("ab") as log:
            self._process = start_training(["--clients", "1", *settings.train, *overrides(values), *ours], log)

    @property
    def log(self) -> Path:
        """What the training prints."""
        return self._folder / "train.log"

    @property
    def code(self) -> int | None:
        """The exit code, None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Ask it to save and stop."""
        if self._process.poll() is None:
            self._process.terminate()

    def wait(self) -> int:
        """Wait for its end; the exit code."""
        with self._process:  # closes the pipe, too
            return self._process.wait()

    def last_words(self) -> str:
        """The last line that it printed."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it printed nothing"

    def parts(self) -> dict[int, float]:
        """Of REPORTS parts of the training, those that are done, from 1, and the moving average at the end of each."""
        steps, averages = self._curve()
        found = {}
        for part in range(1, REPORTS + 1):
            # The number of episodes that had ended by then.
            count = int(np.searchsorted(steps, part * self._goal / REPORTS, side="right"))
            if 0 < count < len(steps) or (count == len(steps) and self.code == 0 and count):
                found[part] = float(averages[count - 1])
        return found

    def score(self) -> float | None:
        """The score of what was trained; None without an episode."""
        _, averages = self._curve()
        if not len(averages):
            return None
        if self._settings.score == "last":
            return float(averages[-1])
        return float(averages.max() if self._settings.direction == "maximize" else averages.min())

    def _curve(self) -> tuple[Any, Any]:
        run = self._run()
        if run is None:
            return [], []
        try:
            steps, averages = run.curve(self._settings.metric, "steps", run.window)
        except (OSError, ValueError):  # its files are just being written
            return [], []
        # The first averages are over few episodes, and say little.
        first = min(run.window, len(averages)) - 1 if self._settings.score == "best" else 0
        return steps[first:], averages[first:]

    def _run(self) -> Run | None:
        found: Sequence[Path] = sorted(self._folder.glob("*/episodes.jsonl"))
        return Run(found[-1].parent) if found else None
