"""What the page is told, as JSON-able values."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from soulsai_telemetry.history import AXES as AXES
from soulsai_telemetry.history import Axis, History
from soulsai_telemetry.records import Record, Vitals

if TYPE_CHECKING:
    from soulsai_telemetry.node import TelemetryNode

_DIGITS = 6


def run(node: TelemetryNode, *, writable: bool) -> dict[str, Any]:
    """What does not change while the page is open."""
    announced = node.announced
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


def state(node: TelemetryNode, vitals: Vitals | None) -> dict[str, Any]:
    """How the run is now."""
    news = node.news()
    return {
        "time": None if vitals is None else vitals.time,
        "alive": vitals is not None and vitals.alive,
        "status": None if vitals is None else {**msgspec.to_builtins(vitals.status), "clients": []},
        "rates": None if vitals is None else [vitals.admitted_per_second, vitals.rejected_per_second],
        "clients": [] if vitals is None else [dataclasses.asdict(client) for client in vitals.clients],
        "best": None if news.best is None else dataclasses.asdict(news.best),
        "saved": None if news.saved is None else dataclasses.asdict(news.saved),
        "reports": news.reports,
        "episodes": node.history.episodes,
        "metrics": node.metric_names,
        "logs": node.view.logs(),
    }


def record(record: Record) -> dict[str, Any]:
    """One episode: where it stands on each axis, and metric -> [value, average]."""
    values = {name: [_tidy(value), _tidy(record.averages[name])] for name, value in record.values.items()}
    return {"episode": record.number, "step": record.steps, "time": round(record.time, 1), "values": values}


def curves(history: History, axis: Axis, start: float, end: float, points: int) -> dict[str, Any]:
    """Each metric as columns of equal length."""
    metrics = {}
    for name in history.names:
        curve = history.curve(name, axis, start=start, end=end, points=points)
        columns = {"mean": curve.mean, "low": curve.low, "high": curve.high, "average": curve.average}
        x = np.round(curve.x, 1 if axis == "time" else 0).tolist()
        metrics[name] = {"x": x, **{key: _short(column) for key, column in columns.items()}}
    return {"axis": axis, "extent": history.extent(axis), "episodes": history.episodes, "metrics": metrics}


def _short(values: np.ndarray) -> list[float]:
    """Rounded to what a screen can show, so that the page loads fast on a phone."""
    largest = float(np.max(np.abs(values))) if len(values) else 0.0
    if largest == 0.0:
        return values.tolist()
    return np.round(values, max(0, _DIGITS - 1 - int(np.floor(np.log10(largest))))).tolist()


def _tidy(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
