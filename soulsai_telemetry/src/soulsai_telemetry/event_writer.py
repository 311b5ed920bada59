"""Notes what happens to the training node: that it starts, resumes, falls silent, saves and ends, and its settings
change."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from soulsai_core import SettingChange
from soulsai_telemetry.history.builder import HistoryBuilder
from soulsai_telemetry.history.records import OVER, TrainingStatus
from soulsai_telemetry.history.run_events import (
    BACK,
    CHANGE,
    CHECKPOINT,
    END,
    RESUME,
    SAVE,
    SILENT,
    START,
    RunEvent,
    RunEvents,
)
from soulsai_telemetry.run_view import Checkpoint


class EventWriter:
    """Turns statuses and checkpoints into events of the run.

    Args:
        events: where they are kept.
        builder: says at which episode and step the run is.
        wall: seconds since 1970.
    """

    def __init__(self, events: RunEvents, builder: HistoryBuilder, wall: Callable[[], float]) -> None:
        self._events = events
        self._builder = builder
        self._wall = wall
        self._elapsed = 0.0

    def status(self, status: TrainingStatus) -> None:
        """Take in the newest status."""
        node = status.node
        self._note_changes(node.changes)
        last = self._events.last_kind
        if status.health.state in OVER:
            if last != END:
                self._add(END, status.health.sentence, node.iteration)
        elif status.health.state == "silent":
            if last not in (SILENT, END, ""):
                self._add(SILENT, status.health.sentence, node.iteration)
        elif last == "":
            self._add(START, "The training started.", node.iteration)
        elif last == END or (last == SILENT and node.elapsed < self._elapsed):
            self._add(RESUME, f"The training was resumed at iteration {node.iteration:,}.", node.iteration)
        elif last == SILENT:
            self._add(BACK, "The training node reports again.", node.iteration)
        self._elapsed = node.elapsed

    def checkpoint(self, found: Checkpoint) -> None:
        """A checkpoint was written."""
        kind = CHECKPOINT if found.kind == "periodic" else SAVE
        said = "Checkpoint written" if found.kind == "periodic" else "Model saved on command"
        self._add(kind, f"{said} at iteration {found.iteration:,}: {found.path}", found.iteration, found.time)

    def _note_changes(self, changes: Sequence[SettingChange]) -> None:
        """The status has the newest changes: those that were not noted yet are new, or were made without telemetry."""
        for change in changes:
            text = _changed(change)
            if (change.time, text) not in self._events.changes:
                self._add(CHANGE, text, change.iteration, change.time)

    def _add(self, kind: str, text: str, iteration: int | None, time: float | None = None) -> None:
        """Add an event that happens now, or happened at `time`."""
        if time is None:
            newest = self._builder.newest
            episode = 0 if newest is None else newest.number
            step = self._builder.steps
        else:
            episode, step = self._builder.history.position(time)
        self._events.add(RunEvent(kind, text, self._wall() if time is None else time, episode, step, iteration))


def _changed(change: SettingChange) -> str:
    before = json.dumps(change.before)
    after = json.dumps(change.after)
    undone = "undone: " if change.undoes else ""
    return f"Setting {undone}{change.name} from {before} to {after}, by {change.origin}."
