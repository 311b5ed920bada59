"""The history of rates, staleness and times; kept on disk, so that the page shows the whole run after a restart."""

from __future__ import annotations

from pathlib import Path

import msgspec

from soulsai_core import MAX_NUMBER
from soulsai_telemetry.history.buffered_json_lines import BufferedJsonLines
from soulsai_telemetry.history.history import History
from soulsai_telemetry.history.records import EpisodeRecord, TrainingStatus

# Seconds between two rows: 1/120 of the time since the first, within these bounds. A run of a day has about 9000 rows.
_SHORTEST = 1.0
_LONGEST = 10.0
_SHARE = 1 / 120
# The status comes once a second, but never exactly so.
_TOLERANCE = 0.1
# Numbers of the learner that are kept.
_MAX_LEARNER_NUMBERS = 24


class StatusRow(msgspec.Struct, frozen=True):
    """The numbers of one moment."""

    time: float
    env_steps: int
    values: dict[str, float]


class StatusHistory:
    """Keeps the status of every second at first, and of every tenth second in a run of hours.

    Attributes:
        history: metric -> its curve, over the environment steps admitted and over time.
    """

    def __init__(self, path: Path) -> None:
        self.history = History(capacity=2048)
        self._file = BufferedJsonLines(path, StatusRow)
        self._first: float | None = None
        self._last = 0.0
        for row in self._file.read():
            self._add(row)

    def add(self, status: TrainingStatus) -> None:
        """Take in the newest status. While the training node is silent there is nothing to keep."""
        age = 0.0 if self._first is None else status.time - self._first
        interval = min(max(age * _SHARE, _SHORTEST), _LONGEST)
        if status.alive and status.time - self._last >= interval - _TOLERANCE:
            row = StatusRow(status.time, status.node.env_steps, _values(status))
            self._file.append([row])
            self._add(row)

    def _add(self, row: StatusRow) -> None:
        self._first = row.time if self._first is None else self._first
        self._last = max(self._last, row.time)
        # History takes episodes: a row stands for one, whose averages are its values.
        number = self.history.episodes + 1
        self.history.add(EpisodeRecord(number, row.env_steps, self._last, 0, "", True, row.values, row.values))


def _values(status: TrainingStatus) -> dict[str, float]:
    node = status.node
    values = {
        "admitted": status.admitted_per_second,
        "rejected": status.rejected_per_second,
        "iterations": node.iterations_per_second,
        "staleness": node.staleness.get("iterations", 0.0),
        "staleness_seconds": node.staleness.get("seconds", 0.0),
        "backlog": float(node.backlog),
        "clients": float(len(node.clients)),
        "iteration": float(node.iteration),
    }
    numbers = [(name, value) for name, value in node.learner.items() if abs(value) <= MAX_NUMBER]
    learner = {f"learner.{name}": value for name, value in numbers[:_MAX_LEARNER_NUMBERS]}
    return {**values, **learner}
