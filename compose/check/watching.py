"""Reads the state of the stack from Prometheus and from the page."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any, TypeVar

from compose.check.engine import Failure
from compose.check.workplace import PORTS

T = TypeVar("T")

_EPISODES = 20

PROMETHEUS = f"http://127.0.0.1:{PORTS['SOULSAI_PROMETHEUS_PORT']}"
PAGE = f"http://127.0.0.1:{PORTS['SOULSAI_PAGE_PORT']}"


def until(what: str, look: Callable[[], T], seconds: float = 60.0) -> T:
    """The first truthy answer of `look`, which is also called again after connection errors. Raises Failure."""
    deadline = time.monotonic() + seconds
    problem = ""
    while True:
        try:
            if answer := look():
                return answer
        except (OSError, ValueError, KeyError, Failure) as error:
            problem = f" ({error})"
        if time.monotonic() > deadline:
            raise Failure(f"After {seconds:.0f} s still not: {what}{problem}")
        time.sleep(0.5)


def fetch(url: str, body: Any = None) -> Any:
    """The JSON at `url`, requested by POST if there is a body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())


def query(expression: str) -> list[dict[str, Any]]:
    """The series of a Prometheus query."""
    words = urllib.parse.urlencode({"query": expression})
    return fetch(f"{PROMETHEUS}/api/v1/query?{words}")["data"]["result"]


def value(expression: str) -> float:
    """The number of a Prometheus query, -1 if there is none."""
    found = query(expression)
    return float(found[0]["value"][1]) if found else -1.0


def env_steps() -> float:
    """Environment steps that the training has counted."""
    return value("soulsai_env_steps")


def firing() -> set[str]:
    """Names of the firing alerts."""
    alerts = fetch(f"{PROMETHEUS}/api/v1/alerts")["data"]["alerts"]
    return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


def targets() -> dict[str, str]:
    """Name of each Prometheus job -> its health."""
    active = fetch(f"{PROMETHEUS}/api/v1/targets")["data"]["activeTargets"]
    return {target["labels"]["job"]: target["health"] for target in active}


def mean_return() -> float | None:
    """Mean return of the last episodes on the page, once there are a few."""
    status = fetch(f"{PAGE}/api/state")["status"]
    return status["mean_return"] if status and status["episodes"] >= _EPISODES else None
