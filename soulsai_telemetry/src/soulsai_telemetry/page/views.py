"""The data of the page, as values that can be written as JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import numpy as np

from soulsai_core import MAX_NUMBER
from soulsai_telemetry.history.history import Axis, History
from soulsai_telemetry.history.metrics import EVALUATION
from soulsai_telemetry.history.records import EpisodeRecord, TrainingStatus
from soulsai_telemetry.history.run_events import CHECKPOINT
from soulsai_telemetry.page.gaps import gap_length, with_gaps
from soulsai_telemetry.page.source import RunSource

# Significant digits: more than a screen can show, and few enough to load fast on a phone.
_DIGITS = 6
# Events that the page gets, the newest.
_MAX_EVENTS = 500
TRAINING = "training"
"""Source of the curves of the episodes that are played for training."""

_UNITS = {"length": "steps", "seconds": "s"}


def run(source: RunSource, *, writable: bool) -> dict[str, Any]:
    """What does not change while the page is open.

    Args:
        writable: the page has a token, for those who may change something.
    """
    config = source.settings
    environment = config.get("environment", {})
    conditions = {name: metric.condition for name, metric in source.config.metrics.items() if metric.condition}
    return {
        "run_id": source.run_id,
        "live": source.live,
        "folder": str(source.view.folder.path),
        "environment": environment.get("config", {}).get("id") or environment.get("name", ""),
        "algorithm": config.get("algorithm", {}).get("name", ""),
        "seed": config.get("run", {}).get("seed"),
        "config": config,
        "window": source.config.window,
        "best": source.config.best.metric,
        "saves_best": source.config.best.save,
        "goal": _goal(source),
        # A metric of a condition is 1 or 0, and its mean a share of the episodes.
        "conditions": conditions,
        "units": _UNITS,
        "writable": writable and source.live,
    }


def state(source: RunSource, status: TrainingStatus | None) -> dict[str, Any]:
    """The state of the run; `status` is the latest, None before the first."""
    update = source.update()
    machine = source.machine
    return {
        "time": None if status is None else status.time,
        "live": source.live,
        "health": None if status is None else _health(status),
        # The clients are below, with what the history knows of them.
        "status": None if status is None else {**msgspec.to_builtins(status.node), "clients": []},
        "rates": None if status is None else [status.admitted_per_second, status.rejected_per_second],
        "clients": [] if status is None else [dataclasses.asdict(client) for client in status.clients],
        "contributors": [] if status is None else [dataclasses.asdict(found) for found in status.contributors],
        "lead": _lead(source),
        "best": None if update.saved is None else dataclasses.asdict(update.saved),
        "highest": None if update.best is None else dataclasses.asdict(update.best),
        "checkpoint": _last_checkpoint(source),
        "machine": None if machine is None else msgspec.to_builtins(machine),
        "reports": update.reports,
        "episodes": source.history.episodes,
        "metrics": source.metric_names,
        "happened": len(source.events),
        "logs": source.view.logs(),
    }


def events(source: RunSource) -> list[dict[str, Any]]:
    """What happened in the run, the newest last."""
    return [msgspec.to_builtins(event) for event in source.events[-_MAX_EVENTS:]]


def record(record: EpisodeRecord) -> dict[str, Any]:
    """One episode: its position on each axis, and metric -> [value, moving average]."""
    values = {name: [_rounded(value), _rounded(record.averages[name])] for name, value in record.values.items()}
    return {"episode": record.number, "step": record.steps, "time": round(record.time, 1), "values": values}


def curves(
    history: History, axis: Axis, *, start: float, end: float, points: int, window: int | None = None
) -> dict[str, Any]:
    """The curves from `start` to `end` on the axis, each with at most `points` points and columns of equal length.

    Args:
        window: values in the moving average; None: as recorded.

    Returns: `series`, one for each metric and source; in a gap there is a point without values. `gap` is the length of
        time from which on there is one, None on other axes.
    """
    series = []
    gap = None
    for name in history.names:
        curve = history.curve(name, axis, start=start, end=end, points=points, window=window)
        columns = {"mean": curve.mean, "low": curve.low, "high": curve.high, "average": curve.average}
        x = np.round(curve.x, 1 if axis == "time" else 0)
        rounded = {key: _rounded_column(column) for key, column in columns.items()}
        if axis == "time":
            gap = gap_length(x, _longest_episode(history)) if gap is None else gap
            positions, rounded = with_gaps(x, rounded, gap)
        else:
            positions = x.tolist()
        origin = "evaluation" if name.startswith(EVALUATION) else TRAINING
        series.append({"metric": name.removeprefix(EVALUATION), "source": origin, "x": positions, **rounded})
    return {"axis": axis, "extent": history.extent(axis), "episodes": history.episodes, "gap": gap, "series": series}


def _longest_episode(history: History) -> float:
    """Seconds of the longest episode, 0 if that is not known."""
    seconds = history.curve("seconds").high
    return float(seconds.max()) if len(seconds) else 0.0


def _goal(source: RunSource) -> dict[str, Any] | None:
    """The mean return at which the training stops, and over how many episodes; None without this goal."""
    stop = source.settings.get("training", {}).get("stop", {})
    if stop.get("mean_return") is None:
        return None
    return {"mean_return": stop["mean_return"], "episodes": stop.get("episodes")}


def _lead(source: RunSource) -> dict[str, Any] | None:
    """The mean of the newest values of the metric that decides which model is the best, and how many they are."""
    name = source.config.best.metric
    averages = source.history.curve(name, points=1).average
    if not len(averages):
        return None
    values = min(source.history.values(name), source.config.window)
    return {"metric": name, "value": _rounded(float(averages[-1])), "values": values}


def _health(status: TrainingStatus) -> dict[str, Any]:
    health = status.health
    said = msgspec.to_builtins(health)
    return {**said, "label": health.label, "unhealthy": health.unhealthy, "live": health.live}


def _last_checkpoint(source: RunSource) -> dict[str, Any] | None:
    found = next((event for event in reversed(source.events) if event.kind == CHECKPOINT), None)
    return None if found is None else {"time": found.time, "iteration": found.iteration}


def _rounded_column(values: np.ndarray) -> list[float]:
    """Rounded to _DIGITS significant digits of the largest value: all values share one axis of a chart."""
    # A page must not fail on data, whatever is in the files of an earlier version.
    values = np.clip(np.nan_to_num(values), -MAX_NUMBER, MAX_NUMBER)
    largest = float(np.max(np.abs(values))) if len(values) else 0.0
    if largest == 0.0:
        return values.tolist()
    decimals = _DIGITS - 1 - int(np.floor(np.log10(largest)))
    return np.round(values, max(0, decimals)).tolist()


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
