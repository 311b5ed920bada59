"""A data source for Grafana, with the protocol of its JSON data source, and with plain GET for Infinity."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from soulsai_core import ConnectorContext, ConnectorPlugin, Settings, hookimpl
from soulsai_core.app import HostNames, formatting
from soulsai_telemetry.history.history import AXES, History
from soulsai_telemetry.history.records import BestScore, TrainingStatus
from soulsai_telemetry.history.update import HistoryUpdate
from soulsai_telemetry.http import BadRequest, HttpService, get_json, number, post_json

_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "accept, content-type",
    "Access-Control-Allow-Methods": "POST, GET",
}
# A target of a query is "<metric> <column>".
_COLUMNS = ("average", "value", "low", "high")
_MAX_POINTS = 10_000
# Targets of one query: a panel shows about ten. Each may have _MAX_POINTS in the answer.
_MAX_TARGETS = 100
# Bytes of an annotation's definition, which is repeated in the answer with each annotation.
_MAX_DEFINITION = 4096
_AXIS_OPTIONS = [{"label": axis, "value": axis} for axis in AXES]


class GrafanaConfig(Settings):
    host: str = Field(default="127.0.0.1", description="Address to listen at; 0.0.0.0 if Grafana is elsewhere.")
    port: int = Field(default=8082, ge=0, le=65535, description="Port to listen at; 0: any that is free.")
    hosts: HostNames = ()
    annotations: int = Field(default=1000, ge=0, description="Most annotations kept: checkpoints and best models.")


class Grafana:
    """Answers Grafana's queries from the history.

    Attributes:
        port: the port at which it listens.
    """

    def __init__(self, config: GrafanaConfig, context: ConnectorContext) -> None:
        self._history = History(capacity=2)  # empty, until the first update brings the node's own
        self._stored: deque[dict[str, Any]] = deque(maxlen=config.annotations)
        self._changed_until = 0.0
        self._service = HttpService(
            config.host,
            config.port,
            self._routes(),
            section="the grafana connector's ",
            hosts=config.hosts,
            headers=_CORS,
        )
        self.port = self._service.port
        self._service.start()

    @hookimpl
    def episodes_recorded(self, update: HistoryUpdate) -> None:
        self._history = update.history

    @hookimpl
    def checkpoint_saved(self, path: Path, iteration: int, kind: str) -> None:
        self._annotate(time.time(), f"Checkpoint ({kind})", f"iteration {iteration}: {path}", ["checkpoint", kind])

    @hookimpl
    def best_found(self, best: BestScore) -> None:
        self._annotate(
            best.time, f"Best {best.metric}: {formatting.number(best.score)}", f"at episode {best.episode}", ["best"]
        )

    @hookimpl
    def status_received(self, status: TrainingStatus) -> None:
        for change in status.node.changes:
            if change.time > self._changed_until:
                text = f"{change.before!r} -> {change.after!r}, by {change.origin}"
                self._annotate(change.time, f"Changed {change.name}", text, ["setting"])
                self._changed_until = change.time

    def close(self) -> None:
        self._service.close()

    def _annotate(self, at: float, title: str, text: str, tags: list[str]) -> None:
        self._stored.append({"time": round(at * 1000), "title": title, "text": text, "tags": tags})

    def _routes(self) -> list[Route]:
        posts = {
            "/search": self._search,
            "/metrics": self._metrics,
            "/metric-payload-options": lambda _: _AXIS_OPTIONS,
            "/query": self._query,
            "/annotations": self._annotations,
            "/variable": self._variable,
            "/tag-keys": lambda _: [{"type": "string", "text": "kind"}],
            "/tag-values": lambda _: [{"text": "checkpoint"}, {"text": "best"}, {"text": "setting"}],
        }
        return [
            get_json("/", lambda _: {"status": "ok"}),
            get_json("/health", lambda _: {"status": "ok"}),
            get_json("/series", self._series),
            *(post_json(path, answer) for path, answer in posts.items()),
            *(Route(path, _preflight, methods=["OPTIONS"]) for path in posts),
        ]

    # -- names

    def _targets(self) -> list[str]:
        return [f"{name} {column}" for name in self._history.names for column in _COLUMNS]

    def _search(self, query: Any) -> list[str]:
        wanted = str(_mapping(query).get("target", ""))
        return [target for target in self._targets() if wanted in target]

    def _metrics(self, query: Any) -> list[dict[str, Any]]:
        payload = {"label": "axis", "name": "axis", "type": "select", "options": _AXIS_OPTIONS}
        limits = [{"label": name, "name": name, "type": "input"} for name in ("from", "to")]
        return [{"label": target, "value": target, "payloads": [payload, *limits]} for target in self._targets()]

    def _variable(self, query: Any) -> list[dict[str, str]]:
        return [{"__text": name, "__value": name} for name in self._history.names]

    # -- values

    def _query(self, query: Any) -> list[dict[str, Any]]:
        query = _mapping(query)
        targets = query.get("targets") or []
        if not isinstance(targets, list) or len(targets) > _MAX_TARGETS:
            raise BadRequest(f"targets must be a list of at most {_MAX_TARGETS}.")
        points = _points(query, "maxDataPoints")
        start, end = _time_range(query.get("range"))
        answers = []
        for target in targets:
            target = _mapping(target)
            payload = _mapping(target.get("payload") or target.get("data") or {})
            name = str(target.get("target", ""))
            if name and not target.get("hide"):
                answers.append(self._answer(name, payload, start, end, points, target.get("refId")))
        return answers

    def _answer(
        self, target: str, payload: dict[str, Any], start: float, end: float, points: int, ref: Any
    ) -> dict[str, Any]:
        """A time series, or a table if the axis is episodes or steps: Grafana's series are over time only."""
        axis = payload.get("axis", "time")
        if axis not in AXES:
            raise BadRequest(f"axis must be one of {', '.join(AXES)}.")
        if axis != "time":
            start = number(payload, "from", -math.inf)
            end = number(payload, "to", math.inf)
        x, y = self._curve(target, axis, start, end, points)
        reference = {} if ref is None else {"refId": ref}
        if axis == "time":
            datapoints = [[value, round(at * 1000)] for at, value in zip(x, y, strict=True)]
            return {"target": target, "datapoints": datapoints, **reference}
        columns = [{"text": axis, "type": "number"}, {"text": target, "type": "number"}]
        rows = [list(row) for row in zip(x, y, strict=True)]
        return {"type": "table", "columns": columns, "rows": rows, **reference}

    def _curve(self, target: str, axis: Any, start: float, end: float, points: int) -> tuple[list[float], list[float]]:
        name = target
        column = "average"
        # Names of metrics may have spaces, so the whole target is tried first.
        if target not in self._history.names:
            name, _, column = target.rpartition(" ")
        if name not in self._history.names or column not in _COLUMNS:
            return [], []
        curve = self._history.curve(name, axis, start=start, end=end, points=points)
        values = {"average": curve.average, "value": curve.mean, "low": curve.low, "high": curve.high}[column]
        return curve.x.tolist(), values.tolist()

    def _series(self, query: dict[str, str]) -> list[dict[str, float]]:
        """For Infinity: /series?metric=return&axis=step&from=0&to=1e6&points=500 as a list of rows."""
        axis = query.get("axis", "time")
        if axis not in AXES:
            raise BadRequest(f"axis must be one of {', '.join(AXES)}.")
        scale = 1000 if axis == "time" else 1  # Grafana counts milliseconds, the history seconds
        start = number(query, "from", -math.inf) / scale
        end = number(query, "to", math.inf) / scale
        points = _points(query, "points")
        curve = self._history.curve(query.get("metric", ""), axis, start=start, end=end, points=points)
        rows = zip(curve.x.tolist(), curve.mean.tolist(), curve.average.tolist(), strict=True)
        return [{axis: x * scale, "value": value, "average": mean} for x, value, mean in rows]

    def _annotations(self, query: Any) -> list[dict[str, Any]]:
        query = _mapping(query)
        start, end = _time_range(query.get("range"))
        annotation = _mapping(query.get("annotation") or {})
        if len(msgspec.json.encode(annotation)) > _MAX_DEFINITION:
            raise BadRequest(f"annotation is longer than {_MAX_DEFINITION} bytes.")
        wanted = str(annotation.get("query") or annotation.get("name") or "")
        found = [
            note
            for note in list(self._stored)
            if start <= note["time"] / 1000 <= end and (wanted not in ("checkpoint", "best") or wanted in note["tags"])
        ]
        return [{**note, "annotation": annotation} for note in found]


async def _preflight(_: Request) -> Response:
    """What a browser asks before it sends a request of another site; the answer is in the headers."""
    return Response(status_code=204)


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRequest("A JSON object was expected.")
    return value


def _time_range(value: Any) -> tuple[float, float]:
    """Seconds since 1970 from {"from": ISO time, "to": ISO time}; without a range, all of time."""
    if not value:
        return -math.inf, math.inf
    try:
        times = [datetime.fromisoformat(str(value[key]).replace("Z", "+00:00")).timestamp() for key in ("from", "to")]
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        raise BadRequest("range must have from and to as ISO 8601 times.") from error
    return times[0], times[1]


def _points(values: Mapping[str, Any], name: str) -> int:
    return int(min(max(number(values, name, 1000), 1), _MAX_POINTS))


plugin = ConnectorPlugin(name="grafana", config=GrafanaConfig, make=Grafana, home="telemetry")
