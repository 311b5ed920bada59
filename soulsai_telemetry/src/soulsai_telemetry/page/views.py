"""The data of the page, as values that can be written as JSON."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from soulsai_core import MAX_NUMBER
from soulsai_telemetry.history.history import Axis, History
from soulsai_telemetry.history.records import EpisodeRecord, TrainingStatus

if TYPE_CHECKING:
    from soulsai_telemetry.node import TelemetryNode

# Significant digits: more than a screen can show, and few enough to load fast on a phone.
_DIGITS = 6


def run(node: TelemetryNode, *, writable: bool) -> dict[str, Any]:
    """What does not change while the page is open.

    Args:
        writable: the model can be saved from the page.
    """
    announced = node.announced
    # Without the run's folder, the parts of the configuration that the training node publishes for clients.
    public = {"environment": announced.environment, "algorithm": announced.algorithm, "client": announced.client}
    config = node.view.config() or public
    environment = config.get("environment", {})
    return {
        "run_id": node.run_id,
        "environment": environment.get("config", {}).get("id") or environment.get("name", ""),
        "algorithm": config.get("algorithm", {}).get("name", ""),
        "config": config,
        "window": node.config.moving_average,
        "best": node.config.best.metric,
        "writable": writable,
    }


def state(node: TelemetryNode, status: TrainingStatus | None) -> dict[str, Any]:
    """The state of the run; `status` is the latest, None before the first."""
    update = node.update()
    return {
        "time": None if status is None else status.time,
        "alive": status is not None and status.alive,
        "health": None if status is None else {**msgspec.to_builtins(status.health), "label": status.health.label},
        # The clients are below, with what the history knows of them.
        "status": None if status is None else {**msgspec.to_builtins(status.node), "clients": []},
        "rates": None if status is None else [status.admitted_per_second, status.rejected_per_second],
        "clients": [] if status is None else [dataclasses.asdict(client) for client in status.clients],
        "contributors": [] if status is None else [dataclasses.asdict(found) for found in status.contributors],
        "best": None if update.best is None else dataclasses.asdict(update.best),
        "saved": None if update.saved is None else dataclasses.asdict(update.saved),
        "reports": update.reports,
        "episodes": node.history.episodes,
        "metrics": node.metric_names,
        "logs": node.view.logs(),
    }


def record(record: EpisodeRecord) -> dict[str, Any]:
    """One episode: its position on each axis, and metric -> [value, moving average]."""
    values = {name: [_rounded(value), _rounded(record.averages[name])] for name, value in record.values.items()}
    return {"episode": record.number, "step": record.steps, "time": round(record.time, 1), "values": values}


def curves(history: History, axis: Axis, start: float, end: float, points: int) -> dict[str, Any]:
    """Metric -> columns of equal length, with at most `points` points from `start` to `end` on the axis."""
    metrics = {}
    for name in history.names:
        curve = history.curve(name, axis, start=start, end=end, points=points)
        columns = {"mean": curve.mean, "low": curve.low, "high": curve.high, "average": curve.average}
        x = np.round(curve.x, 1 if axis == "time" else 0).tolist()
        metrics[name] = {"x": x, **{key: _rounded_column(column) for key, column in columns.items()}}
    return {"axis": axis, "extent": history.extent(axis), "episodes": history.episodes, "metrics": metrics}


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
