"""Runs as they lie on disk: what was trained, how far, how well."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from soulsai_core import ConfigError, Episode
from soulsai_telemetry.comparing.curves import moving_average
from soulsai_telemetry.config import MetricSettings
from soulsai_telemetry.metrics import MetricSet
from soulsai_telemetry.recorder import Reported

RunAxis = Literal["steps", "episodes", "hours"]


class _Row(msgspec.Struct, frozen=True):
    """A line of the training node's episodes.jsonl."""

    id: str
    client: str
    total_reward: float
    length: int
    iteration: int
    seconds: float
    env_steps: int
    entry: str = ""
    complete: bool = True
    metrics: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class Point:
    """An episode and where it stood: environment steps so far, and seconds since 1970 (0 if unknown)."""

    episode: Episode
    steps: int
    time: float


class Run:
    """One run's folder. Its files are read when first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, {} if it was not saved here."""
        try:
            return json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    @property
    def environment(self) -> str:
        part = self.config.get("environment", {})
        return part.get("config", {}).get("id") or part.get("name", "?")

    @property
    def algorithm(self) -> str:
        return self.config.get("algorithm", {}).get("name", "?")

    @property
    def running(self) -> bool:
        """Its training goes on, as far as its folder tells."""
        return (self.folder / "address").exists()

    @cached_property
    def points(self) -> list[Point]:
        """The episodes, as the training node wrote them, or the telemetry node if that was elsewhere."""
        own = self.folder / "episodes.jsonl"
        ours = self.folder / "telemetry" / "episodes.jsonl"
        return list(_read_node(own) if own.exists() else _read_telemetry(ours))

    def values(self, metric: str, axis: RunAxis) -> tuple[np.ndarray, np.ndarray]:
        """Positions and raw values of a metric; empty where no episode has it."""
        configured = self.config.get("telemetry", {}).get("config", {}).get("metrics", {})
        metrics = MetricSet({n: MetricSettings(**settings) for n, settings in configured.items()}, discover=True)
        x = []
        y = []
        for number, point in enumerate(self.points, start=1):
            value = metrics.measure(point.episode, 0.0).get(metric) if point.episode.complete else None
            if value is not None:
                hours = (point.time - self.points[0].time) / 3600
                x.append({"steps": point.steps, "episodes": number, "hours": hours}[axis])
                y.append(value)
        return np.maximum.accumulate(np.array(x, np.float64)), np.array(y, np.float64)

    def curve(self, metric: str, axis: RunAxis, window: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions and moving average of a metric."""
        x, y = self.values(metric, axis)
        return x, moving_average(y, window)

    def score(self, window: int) -> tuple[float, float] | None:
        """Best and last moving average of the return, the best among those that cover the window if there are any."""
        _, averages = self.curve("return", "episodes", window)
        if not len(averages):
            return None
        return float(averages[min(window, len(averages)) - 1 :].max()), float(averages[-1])


def _read_node(path: Path) -> Iterator[Point]:
    for row in _lines(path, _Row):
        episode = Episode(
            row.id, row.client, row.total_reward, row.length, row.iteration, row.seconds, row.complete, row.metrics
        )
        milliseconds = row.entry.partition("-")[0]
        yield Point(episode, row.env_steps, int(milliseconds) / 1000 if milliseconds.isdigit() else 0.0)


def _read_telemetry(path: Path) -> Iterator[Point]:
    steps = 0
    for row in _lines(path, Reported):
        steps += row.episode.length
        yield Point(row.episode, steps, row.time)


def _lines(path: Path, kind: type[Any]) -> Iterator[Any]:
    """Rows of a file that somebody may be writing; what cannot be read is left out."""
    if not path.exists():
        return
    decoder = msgspec.json.Decoder(kind)
    with path.open("rb") as file:
        for line in file:
            try:
                yield decoder.decode(line)
            except msgspec.DecodeError:
                continue


def find_runs(places: Sequence[Path]) -> list[Run]:
    """The runs at these places, each a run's folder or one that holds some, oldest first.

    Raises ConfigError for a place without a run.
    """
    found: dict[Path, Run] = {}
    for place in places:
        folders = _runs_in(place, depth=2)
        if not folders:
            raise ConfigError(f"There is no run at {place}: neither it nor a folder in it holds episodes.")
        found |= {folder.resolve(): Run(folder) for folder in folders}
    return list(found.values())


def _runs_in(folder: Path, depth: int) -> list[Path]:
    """The folder itself if it is a run's, else those in it; a multirun is a folder of runs in `saves`."""
    if _is_run(folder):
        return [folder]
    if depth == 0 or not folder.is_dir():
        return []
    return [run for inner in sorted(folder.iterdir()) for run in _runs_in(inner, depth - 1)]


def _is_run(folder: Path) -> bool:
    return any((folder / file).is_file() for file in ("config.json", "episodes.jsonl", "telemetry/episodes.jsonl"))


def group(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Label -> the runs of the same environment and algorithm with the same settings, which differ in their seed."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        key = json.dumps({part: run.config.get(part) for part in ("environment", "algorithm")}, sort_keys=True)
        groups.setdefault(key if run.config else run.name, []).append(run)
    firsts = [members[0] for members in groups.values()]
    labels = [_label(run, firsts) for run in firsts]
    unique = [label if labels.count(label) == 1 else f"{label} #{i + 1}" for i, label in enumerate(labels)]
    return dict(zip(unique, groups.values(), strict=True))


def _label(run: Run, others: Sequence[Run]) -> str:
    """Environment and algorithm where they differ, and up to three settings that tell it from the others."""
    if not run.config:
        return run.name
    settings = [_flat({part: other.config.get(part) for part in ("environment", "algorithm")}) for other in others]
    mine = _flat({part: run.config.get(part) for part in ("environment", "algorithm")})
    names = {"algorithm.name", "environment.name", "environment.config.id"}
    parts = [run.algorithm]
    if len({other.environment for other in others}) > 1:
        parts.insert(0, run.environment)
    peers = [other for other in settings if other.get("algorithm.name") == mine.get("algorithm.name")]
    differing = [key for key in mine if key not in names and any(other.get(key) != mine[key] for other in peers)]
    return " ".join([*parts, *(f"{key.rpartition('.')[2]}={mine[key]}" for key in differing[:3])])


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{above}{key}.") if isinstance(value, Mapping) else {f"{above}{key}": value}
    return flat
