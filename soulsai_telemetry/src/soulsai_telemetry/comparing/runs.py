"""Runs on disk: what was trained, for how many steps, with which returns."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError

from soulsai_core import Catalog, ConfigError, Episode, EpisodeRow, JsonLines, PluginError
from soulsai_core.app import RunFolder, StopSettings
from soulsai_telemetry.comparing.curves import moving_average
from soulsai_telemetry.config import MetricSettings
from soulsai_telemetry.history.builder import EpisodeReport, entry_time
from soulsai_telemetry.history.metrics import MetricSet
from soulsai_telemetry.run_view import RunView

RunAxis = Literal["steps", "episodes", "hours"]


@dataclass(frozen=True, slots=True)
class Point:
    """An episode with its position in the run.

    Attributes:
        steps: environment steps so far.
        time: when it was reported, in seconds since 1970; 0 if unknown.
    """

    episode: Episode
    steps: int
    time: float


class Run:
    """One run's folder. Its files are read when they are first needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = RunFolder(folder)
        self._view = RunView(self.folder, shared=False)

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, {} if the run was only watched from here."""
        return self._view.config() or {}

    @property
    def environment(self) -> str:
        part = self.config.get("environment", {})
        return part.get("config", {}).get("id") or part.get("name", "?")

    @property
    def algorithm(self) -> str:
        return self.config.get("algorithm", {}).get("name", "?")

    @property
    def window(self) -> int:
        """Episodes that the run's own mean return averages."""
        stop = self.config.get("training", {}).get("stop", {})
        return int(stop.get("episodes") or StopSettings().episodes)

    @cached_property
    def points(self) -> list[Point]:
        """The episodes: those that the training node wrote, else, if it ran elsewhere, the telemetry node's."""
        own = self.folder.episodes
        return list(_read_rows(own) if own.exists() else _read_reports(self._view.episodes))

    def values(self, metric: str, axis: RunAxis) -> tuple[np.ndarray, np.ndarray]:
        """Positions on the axis and raw values of a metric, both of shape (episodes that have it,)."""
        configured = self.config.get("telemetry", {}).get("config", {}).get("metrics", {})
        settings = {name: MetricSettings(**values) for name, values in configured.items()}
        metrics = MetricSet(settings, discover=True)
        x = []
        y = []
        for number, point in enumerate(self.points, start=1):
            value = metrics.measure(point.episode, 0.0).get(metric) if point.episode.complete else None
            if value is not None:
                hours = (point.time - self.points[0].time) / 3600
                x.append({"steps": point.steps, "episodes": number, "hours": hours}[axis])
                y.append(value)
        # Rising, even if a clock was set back in between: curves are searched by position.
        return np.maximum.accumulate(np.array(x, np.float64)), np.array(y, np.float64)

    def curve(self, metric: str, axis: RunAxis, window: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions on the axis and moving average of a metric, both of shape (episodes that have it,)."""
        x, y = self.values(metric, axis)
        return x, moving_average(y, window)

    def score(self, window: int) -> tuple[float, float] | None:
        """Best and last moving average of the return; None without an episode.

        The best counts from the first average over a whole window, if there are enough episodes for one.
        """
        _, averages = self.curve("return", "episodes", window)
        if not len(averages):
            return None
        return float(averages[min(window, len(averages)) - 1 :].max()), float(averages[-1])


def _read_rows(path: Path) -> Iterator[Point]:
    """The training node's file.

    It has the steps that were admitted when an episode was reported. Where many episodes are reported at once, as with
    PPO, they are spread over the steps since those before by their lengths, so that a curve is no staircase.
    """
    before = 0
    for steps, group in itertools.groupby(JsonLines(path, EpisodeRow).read(), key=lambda row: row.env_steps):
        rows = list(group)
        done = list(itertools.accumulate(row.length for row in rows))
        for row, length in zip(rows, done, strict=True):
            at = before + (steps - before) * length / max(done[-1], 1)
            yield Point(row.episode, round(at), entry_time(row.entry) or 0.0)
        before = steps


def _read_reports(path: Path) -> Iterator[Point]:
    """The telemetry node's file."""
    steps = 0
    for report in JsonLines(path, EpisodeReport).read():
        steps += report.episode.length
        yield Point(report.episode, steps, report.time)


def find_runs(paths: Sequence[Path]) -> list[Run]:
    """The runs at these paths, each a run's folder or a folder of runs, which come by name: it begins with the date.

    Raises ConfigError for a path without a run.
    """
    found: dict[Path, Run] = {}
    for path in paths:
        folders = runs_in(path, depth=3)
        if not folders:
            folder = RunFolder(path)
            raise ConfigError(
                folder.killed_start
                if folder.never_began
                else f"There is no run at {path}: neither it nor a folder in it holds episodes."
            )
        found |= {folder.resolve(): Run(folder) for folder in folders}
    return list(found.values())


def killed_starts(saves: Path) -> list[str]:
    """A sentence about each start under `saves` that was killed before its training began: it is no run."""
    folders = map(RunFolder, sorted(saves.glob("*")))
    return [folder.killed_start for folder in folders if folder.never_began]


def runs_in(folder: Path, depth: int) -> list[Path]:
    """The folder itself if it is a run's, else the runs in it, `depth` levels down.

    Three levels: `saves` may hold a sweep, which is a folder of trials, each with its run.
    """
    if _is_run(folder):
        return [folder]
    if depth == 0 or not folder.is_dir():
        return []
    return [run for inner in sorted(folder.iterdir()) for run in runs_in(inner, depth - 1)]


def _is_run(folder: Path) -> bool:
    run = RunFolder(folder)
    return any(file.is_file() for file in (run.config, run.episodes, RunView(run, shared=False).episodes))


_LONG = 40
"""Letters of a setting from which on it is left out of a legend."""


def group(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Label -> the runs that have the environment, the algorithm and all their settings in common."""
    catalog = Catalog()
    groups: dict[str, list[Run]] = {}
    compared: dict[str, dict[str, Any]] = {}
    for run in runs:
        settings = _compared(run, catalog)
        key = json.dumps(settings, sort_keys=True) if run.config else run.name
        groups.setdefault(key, []).append(run)
        compared[key] = _flat(settings)
    several = len({run.environment for run in runs}) > 1
    labels = [
        _label(members[0], compared[key], compared.values(), with_environment=several)
        for key, members in groups.items()
    ]
    # Groups can differ in settings beyond those that a label names.
    unique = [label if labels.count(label) == 1 else f"{label} #{i + 1}" for i, label in enumerate(labels)]
    return dict(zip(unique, groups.values(), strict=True))


def _compared(run: Run, catalog: Catalog) -> dict[str, Any]:
    """The parts of the configuration in which groups differ; the seed is not among them."""
    finders: dict[str, Callable[[str], Any]] = {"environment": catalog.environment, "algorithm": catalog.algorithm}
    return {part: _with_defaults(run.config.get(part) or {}, find) for part, find in finders.items()}


def _with_defaults(part: dict[str, Any], find: Callable[[str], Any]) -> dict[str, Any]:
    """A plugin's name and settings, with the defaults of those that a run of an earlier version does not have. As they
    are if the plugin is not installed here, or refuses them."""
    try:
        settings = find(part["name"]).config.model_validate(part.get("config") or {})
    except (KeyError, PluginError, ValidationError):
        return part
    return {**part, "config": settings.model_dump(mode="json")}


def _label(
    run: Run, mine: Mapping[str, Any], settings: Collection[Mapping[str, Any]], *, with_environment: bool
) -> str:
    """The algorithm, the environment if it is asked for, and up to three settings that differ from the others'.

    Args:
        mine: the run's settings by their dotted names.
        settings: those of all groups.
    """
    if not run.config:
        return run.name
    names = {"algorithm.name", "environment.name", "environment.config.id"}
    parts = [run.algorithm]
    if with_environment:
        parts.insert(0, run.environment)
    peers = [other for other in settings if other.get("algorithm.name") == mine.get("algorithm.name")]
    differing = [key for key in mine if key not in names and any(other.get(key) != mine[key] for other in peers)]
    # A list of wrappers would fill the figure.
    short = [text for key in differing if len(text := f"{key.rpartition('.')[2]}={mine[key]}") <= _LONG]
    return " ".join([*parts, *short[:3]])


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested settings by their dotted names."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{above}{key}.") if isinstance(value, Mapping) else {f"{above}{key}": value}
    return flat
