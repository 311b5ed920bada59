"""The run's history in bounded memory: neighboring episodes share a bucket, and buckets merge as the run grows."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Literal

import numpy as np

from soulsai_telemetry.history.records import EpisodeRecord

Axis = Literal["episode", "step", "time"]
AXES: tuple[Axis, ...] = ("episode", "step", "time")

_COLUMNS = ("count", "mean", "low", "high", "average")


@dataclass(frozen=True, slots=True)
class Curve:
    """One metric over the run, in buckets of neighboring episodes; all arrays have the shape (buckets,).

    Attributes:
        x: the last episode number, environment step or time (seconds since 1970) of each bucket.
        mean, low, high: of the raw values in each bucket; all three are equal if it holds one episode.
        average: moving average after the last episode of the bucket.
    """

    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    average: np.ndarray


class History:
    """All episodes of a run. May be read from any thread.

    The first `capacity` episodes have a bucket each. Whenever all buckets are full, pairs of neighbors merge, and each
    new bucket takes twice as many episodes as before.

    Args:
        capacity: number of buckets, even.

    Attributes:
        episodes: number of the newest episode, 0 before the first.
    """

    def __init__(self, capacity: int = 8192) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._x = {axis: np.zeros(capacity) for axis in AXES}
        self._columns: dict[str, dict[str, np.ndarray]] = {}
        self._stride = 1  # episodes in a full bucket
        self._used = 0  # buckets in use, the last of them perhaps not full
        self._in_last = 0  # episodes in the last bucket; 0: the next episode opens a new one
        self.episodes = 0

    @property
    def names(self) -> list[str]:
        """The metrics seen so far."""
        return list(self._columns)

    def extent(self, axis: Axis) -> tuple[float, float]:
        """First and last position on the axis; (0, 0) before the first episode."""
        with self._lock:
            x = self._x[axis]
            return (float(x[0]), float(x[self._used - 1])) if self._used else (0.0, 0.0)

    def values(self, name: str) -> int:
        """Number of values that a metric has had."""
        with self._lock:
            columns = self._columns.get(name)
            return 0 if columns is None else round(float(columns["count"][: self._used].sum()))

    def position(self, time: float) -> tuple[int, int]:
        """Number and environment step of the newest episode at this time (seconds since 1970), of the bucket where
        several share one; (0, 0) before the first."""
        with self._lock:
            before = int(np.searchsorted(self._x["time"][: self._used], time, side="right"))
            if before == 0:
                return 0, 0
            return int(self._x["episode"][before - 1]), int(self._x["step"][before - 1])

    def add(self, record: EpisodeRecord) -> None:
        """Append an episode."""
        with self._lock:
            if self._in_last == 0:
                self._open_bucket()
            bucket = self._used - 1
            for axis, value in zip(AXES, (record.number, record.steps, record.time), strict=True):
                self._x[axis][bucket] = value
            for name, value in record.values.items():
                self._add_value(name, bucket, value, record.averages[name])
            self._in_last = (self._in_last + 1) % self._stride
            self.episodes = record.number

    def curve(
        self,
        name: str,
        axis: Axis = "episode",
        *,
        start: float = -np.inf,
        end: float = np.inf,
        points: int = 1000,
        window: int | None = None,
    ) -> Curve:
        """At most `points` buckets of a metric, from `start` to `end` on the axis, both included.

        The curve of an unknown name is empty.

        Args:
            window: values in the moving average; None: those of the records. It is exact where buckets hold one
                episode each, else the first bucket in the window counts in part.
        """
        with self._lock:
            columns = self._columns.get(name)
            if columns is None:
                return Curve(*(np.empty(0) for _ in range(5)))
            x = self._x[axis][: self._used]
            # nextafter: the first position that is greater than `end`, so that `end` itself is included
            part = slice(*np.searchsorted(x, (start, np.nextafter(end, np.inf))))
            # Copies: `add` changes the last bucket, and `_halve` all of them, once the lock is free.
            x = x[part].copy()
            used = {key: column[: self._used] for key, column in columns.items()}
            if window is not None:
                used["average"] = _moving_average(used["count"], used["mean"], window)
            selected = {key: column[part].copy() for key, column in used.items()}
        known = selected["count"] > 0
        x = x[known]
        selected = {key: column[known] for key, column in selected.items()}
        x, merged = _merge(x, selected, math.ceil(len(x) / max(points, 1)))
        return Curve(x, merged["mean"], merged["low"], merged["high"], merged["average"])

    def _open_bucket(self) -> None:
        if self._used == self._capacity:
            self._halve()
        for columns in self._columns.values():
            for name, column in columns.items():
                column[self._used] = 0.0 if name == "count" else np.nan
        self._used += 1

    def _add_value(self, name: str, bucket: int, value: float, average: float) -> None:
        columns = self._columns.get(name)
        if columns is None:
            columns = {key: np.full(self._capacity, 0.0 if key == "count" else np.nan) for key in _COLUMNS}
            # A new dict: `names` is read without the lock, and a dict must not grow while it is iterated.
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
        """Merge pairs of neighboring buckets. All of them are full: `capacity` is even."""
        half = self._used // 2
        for name, columns in self._columns.items():
            _, merged = _merge(self._x["episode"], columns, 2)
            for key in _COLUMNS:
                self._columns[name][key][:half] = merged[key]
        for axis in AXES:
            self._x[axis][:half] = self._x[axis][1::2]
        self._used = half
        self._stride *= 2


def _merge(x: np.ndarray, columns: dict[str, np.ndarray], size: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Every `size` neighboring buckets become one. A bucket without a value has count 0 and NaN elsewhere."""
    if size <= 1:
        return x, columns
    starts = np.arange(0, len(x), size)
    ends = np.minimum(starts + size, len(x)) - 1
    count = np.add.reduceat(columns["count"], starts)
    total = np.add.reduceat(np.nan_to_num(columns["mean"]) * columns["count"], starts)
    # 0 / 0 where no bucket of a group has a value; the result is replaced by NaN below.
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


def _moving_average(count: np.ndarray, mean: np.ndarray, window: int) -> np.ndarray:
    """Mean of the last `window` values up to the end of each bucket, NaN where a bucket has none; shape (buckets,)."""
    counts = np.concatenate(([0.0], np.cumsum(count)))
    sums = np.concatenate(([0.0], np.cumsum(np.nan_to_num(mean) * count)))
    starts = np.maximum(counts[1:] - window, 0.0)
    # Buckets without a value repeat a count, at which interpolation is not defined.
    rising = np.concatenate(([True], count > 0))
    before = np.interp(starts, counts[rising], sums[rising])
    with np.errstate(invalid="ignore", divide="ignore"):
        averages = (sums[1:] - before) / (counts[1:] - starts)
    return np.where(count > 0, averages, np.nan)


def _last_known(values: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The last value of each group that is not NaN; NaN if there is none.

    Args:
        starts, ends: first and last index of each group.
    """
    # The running maximum of the known indices gives, at each position, the last known one up to there. It belongs to
    # the group only if it is not before the group's start.
    known = np.where(np.isnan(values), -1, np.arange(len(values)))
    last = np.maximum.accumulate(known)[ends]
    return np.where(last >= starts, values[last], np.nan)
