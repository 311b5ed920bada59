"""The run's history in bounded memory: neighbouring episodes share a bucket, and buckets merge as the run grows."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

import numpy as np

from soulsai_telemetry.records import Record

Axis = Literal["episode", "step", "time"]
AXES: tuple[Axis, ...] = ("episode", "step", "time")

_COLUMNS = ("count", "mean", "low", "high", "average")


@dataclass(frozen=True, slots=True)
class Curve:
    """One metric over the run; all arrays have the same length.

    Attributes:
        x: the last episode, step or time of each bucket.
        mean, low, high: of the raw values in each bucket; low and high are equal where it holds one episode.
        average: moving average at the bucket's end.
    """

    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    average: np.ndarray


class History:
    """All episodes of a run. May be read from any thread.

    As long as there are fewer than `capacity` episodes each has a bucket of its own; from then on, whenever all are
    full, pairs of neighbours merge and each new bucket takes twice as many episodes.

    Args:
        capacity: number of buckets, even.
    """

    def __init__(self, capacity: int = 8192) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._x = {axis: np.zeros(capacity) for axis in AXES}
        self._columns: dict[str, dict[str, np.ndarray]] = {}
        self._stride = 1
        self._used = 0
        self._in_last = 0
        self.episodes = 0

    @property
    def names(self) -> list[str]:
        """The metrics seen so far."""
        return list(self._columns)

    def extent(self, axis: Axis) -> tuple[float, float]:
        """First and last position on the axis, (0, 0) before the first episode."""
        with self._lock:
            x = self._x[axis]
            return (float(x[0]), float(x[self._used - 1])) if self._used else (0.0, 0.0)

    def add(self, record: Record) -> None:
        """Append an episode."""
        with self._lock:
            if self._in_last == 0:
                self._open_bucket()
            bucket = self._used - 1
            for axis, value in zip(AXES, (record.number, record.steps, record.time), strict=True):
                self._x[axis][bucket] = value
            for name, value in record.values.items():
                self._put(name, bucket, value, record.averages[name])
            self._in_last = (self._in_last + 1) % self._stride
            self.episodes = record.number

    def curve(
        self, name: str, axis: Axis = "episode", *, start: float = -np.inf, end: float = np.inf, points: int = 1000
    ) -> Curve:
        """At most `points` buckets of a metric, from `start` to `end` on the axis; empty for an unknown name."""
        with self._lock:
            columns = self._columns.get(name)
            if columns is None:
                return Curve(*(np.empty(0) for _ in range(5)))
            x = self._x[axis][: self._used]
            part = slice(*np.searchsorted(x, (start, np.nextafter(end, np.inf))))
            x = x[part].copy()
            held = {key: column[: self._used][part].copy() for key, column in columns.items()}
        there = held["count"] > 0
        x = x[there]
        held = {key: column[there] for key, column in held.items()}
        x, held = _merge(x, held, -(-len(x) // max(points, 1)))
        return Curve(x, held["mean"], held["low"], held["high"], held["average"])

    def _open_bucket(self) -> None:
        if self._used == self._capacity:
            self._halve()
        for columns in self._columns.values():
            for name, column in columns.items():
                column[self._used] = 0.0 if name == "count" else np.nan
        self._used += 1

    def _put(self, name: str, bucket: int, value: float, average: float) -> None:
        columns = self._columns.get(name)
        if columns is None:
            columns = {key: np.full(self._capacity, 0.0 if key == "count" else np.nan) for key in _COLUMNS}
            self._columns = {**self._columns, name: columns}
        count = columns["count"][bucket]
        if count == 0:
            columns["mean"][bucket] = columns["low"][bucket] = columns["high"][bucket] = value
        else:
            columns["mean"][bucket] += (value - columns["mean"][bucket]) / (count + 1)
            columns["low"][bucket] = min(columns["low"][bucket], value)
            columns["high"][bucket] = max(columns["high"][bucket], value)
        columns["count"][bucket] = count + 1
        columns["average"][bucket] = average

    def _halve(self) -> None:
        half = self._used // 2
        for name, columns in self._columns.items():
            _, merged = _merge(self._x["episode"], columns, 2)
            for key in _COLUMNS:
                self._columns[name][key][:half] = merged[key]
        for axis in AXES:
            self._x[axis][:half] = self._x[axis][1::2]
        self._used = half
        self._stride = self._stride * 2


def _merge(x: np.ndarray, columns: dict[str, np.ndarray], size: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Each `size` neighbouring buckets become one; buckets without a value have count 0 and NaN."""
    if size <= 1:
        return x, columns
    starts = np.arange(0, len(x), size)
    ends = np.minimum(starts + size, len(x)) - 1
    count = np.add.reduceat(columns["count"], starts)
    total = np.add.reduceat(np.nan_to_num(columns["mean"]) * columns["count"], starts)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
    merged = {
        "count": count,
        "mean": np.where(count > 0, mean, np.nan),
        "low": np.fmin.reduceat(columns["low"], starts),
        "high": np.fmax.reduceat(columns["high"], starts),
        "average": _last_known(columns["average"], starts, ends),
    }
    return x[ends], merged


def _last_known(values: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The last value of each group that is not NaN, NaN where there is none."""
    known = np.where(np.isnan(values), -1, np.arange(len(values)))
    last = np.maximum.accumulate(known)[ends]
    return np.where(last >= starts, values[last], np.nan)
