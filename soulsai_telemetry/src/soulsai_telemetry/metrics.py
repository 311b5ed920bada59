"""Metrics: what is measured of an episode. Pure functions of its report."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping

from soulsai_core import Episode
from soulsai_telemetry.config import CONDITION, MetricSettings

MAX_METRICS = 64
"""Metrics of one run; names beyond are left out, so that a client cannot fill the memory with names of its own."""

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}

_BASIC = {
    "return": MetricSettings(),
    "length": MetricSettings(key="length"),
    "seconds": MetricSettings(key="seconds"),
}


class MetricSet:
    """The metrics of a run: return, length and seconds, the configured ones, and the numbers of `info`.

    Args:
        configured: name -> settings; a name that is built in replaces it.
        discover: take every reported number as a metric, under its own name.
    """

    def __init__(self, configured: Mapping[str, MetricSettings], discover: bool) -> None:
        self._metrics = {name: (s.key, compile_condition(s.condition)) for name, s in {**_BASIC, **configured}.items()}
        self._discover = discover

    @property
    def names(self) -> list[str]:
        """All metrics known so far, in the order in which they shall be shown."""
        return list(self._metrics)

    def measure(self, episode: Episode, seconds_between: float) -> dict[str, float]:
        """Name -> value; what an episode does not report or what is not finite is left out."""
        numbers = {
            **episode.metrics,
            "total_reward": episode.total_reward,
            "length": float(episode.length),
            "seconds": episode.seconds,
            "seconds_per_step": episode.seconds / max(episode.length, 1),
            "seconds_between": seconds_between,
            "iteration": float(episode.iteration),
        }
        if self._discover:
            self._meet(episode.metrics)
        return {
            name: 1.0 if condition and condition(value) else 0.0 if condition else float(value)
            for name, (key, condition) in self._metrics.items()
            if (value := numbers.get(key)) is not None and math.isfinite(value)
        }

    def _meet(self, reported: Mapping[str, float]) -> None:
        for name in reported:
            if name not in self._metrics and len(self._metrics) < MAX_METRICS and len(name) <= 100:
                self._metrics[name] = (name, None)


def compile_condition(condition: str | None) -> Callable[[float], bool] | None:
    """ "> 200" as a function of the value."""
    match = CONDITION.fullmatch(condition) if condition is not None else None
    if match is None:
        return None
    compare = _OPERATORS[match[1]]
    limit = float(match[2])
    return lambda value: compare(value, limit)
