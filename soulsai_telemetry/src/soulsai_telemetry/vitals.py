"""The history of rates, ages and times; kept on disk, so that the page shows the whole run after a restart."""

from __future__ import annotations

from pathlib import Path

import msgspec

from soulsai_telemetry.history import History
from soulsai_telemetry.journal import Journal
from soulsai_telemetry.records import Record, Vitals

_SHORTEST = 1.0
_LONGEST = 10.0
_SHARE = 1 / 120


class VitalsRow(msgspec.Struct, frozen=True):
    """One moment."""

    time: float
    env_steps: int
    values: dict[str, float]


class VitalsLog:
    """Notes the vitals every second at first, and every ten seconds of a run that takes hours.

    Attributes:
        history: metric -> its course, over the environment steps admitted and over time.
    """

    def __init__(self, path: Path) -> None:
        self.history = History(capacity=2048)
        self._journal = Journal(path, VitalsRow)
        self._first: float | None = None
        self._last = 0.0
        for row in self._journal.recover():
            self._add(row)

    def note(self, vitals: Vitals) -> None:
        """These are the vitals now; while the training node is silent there are none."""
        age = 0.0 if self._first is None else vitals.time - self._first
        if vitals.alive and vitals.time - self._last >= min(max(age * _SHARE, _SHORTEST), _LONGEST) - 0.1:
            row = VitalsRow(vitals.time, vitals.status.env_steps, _values(vitals))
            self._journal.append([row])
            self._add(row)

    def _add(self, row: VitalsRow) -> None:
        self._first = row.time if self._first is None else self._first
        self._last = max(self._last, row.time)
        number = self.history.episodes + 1
        self.history.add(Record(number, row.env_steps, self._last, 0, "", True, row.values, row.values))


def _values(vitals: Vitals) -> dict[str, float]:
    status = vitals.status
    values = {
        "admitted": vitals.admitted_per_second,
        "rejected": vitals.rejected_per_second,
        "iterations": status.iterations_per_second,
        "age": status.age.get("iterations", 0.0),
        "age_seconds": status.age.get("seconds", 0.0),
        "backlog": float(status.backlog),
        "clients": float(len(status.clients)),
        "iteration": float(status.iteration),
    }
    learner = {f"learner.{name}": value for name, value in list(status.learner.items())[:24]}
    return {**values, **learner}
