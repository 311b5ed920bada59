"""Metrics: the numbers that are computed from an episode's report."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import NamedTuple

from soulsai_core import MAX_NUMBER, Episode
from soulsai_telemetry.config import CONDITION, MetricSettings

EVALUATION = "evaluation_"
"""Begins the names of the metrics of episodes that evaluate a model."""

MAX_METRICS = 64
"""Most metrics of one run. Further names are ignored, so that a client cannot fill the memory with invented ones."""

_MAX_NAME_LENGTH = 100

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


class _Metric(NamedTuple):
    """The number `key` of a report, or 1 or 0 for whether the condition holds of it."""

    key: str
    condition: Callable[[float], bool] | None = None

    def measure(self, numbers: Mapping[str, float]) -> float | None:
        """The metric's value; None if the number is missing, not finite, or so large that sums of it may not be."""
        value = numbers.get(self.key)
        if value is None or not abs(value) <= MAX_NUMBER:
            return None
        return float(value) if self.condition is None else float(self.condition(value))


class MetricSet:
    """The metrics of a run: return, length and seconds, the configured ones, and the numbers of `info`.

    Args:
        configured: name -> settings; one with the name of a built-in metric replaces it.
        discover: make a metric of every reported number, under its own name.
    """

    def __init__(self, configured: Mapping[str, MetricSettings], discover: bool) -> None:
        self._metrics = {
            name: _Metric(settings.key, compile_condition(settings.condition))
            for name, settings in {**_BASIC, **configured}.items()
        }
        self._discover = discover
        self._evaluated: dict[str, None] = {}

    @property
    def names(self) -> list[str]:
        """All metrics known so far, in the order in which they are shown."""
        return [*self._metrics, *self._evaluated]

    def measure(self, episode: Episode, seconds_between: float) -> dict[str, float]:
        """Name -> value; metrics that the episode does not report, or whose value is not finite, are left out.

        Args:
            seconds_between: time since the previous report.
        """
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
            self._add_new(episode.metrics)
        values = {name: metric.measure(numbers) for name, metric in self._metrics.items()}
        known = {name: value for name, value in values.items() if value is not None}
        if not episode.evaluation:
            return known
        evaluated = {f"{EVALUATION}{name}": value for name, value in known.items()}
        self._evaluated |= dict.fromkeys(evaluated)
        return evaluated

    def _add_new(self, reported: Mapping[str, float]) -> None:
        for name in reported:
            if name not in self._metrics and len(self._metrics) < MAX_METRICS and len(name) <= _MAX_NAME_LENGTH:
                self._metrics[name] = _Metric(name)


def compile_condition(condition: str | None) -> Callable[[float], bool] | None:
    """A condition such as "> 200" as a function of the value."""
    match = CONDITION.fullmatch(condition) if condition is not None else None
    if match is None:
        return None
    compare = _OPERATORS[match[1]]
    limit = float(match[2])
    return lambda value: compare(value, limit)
