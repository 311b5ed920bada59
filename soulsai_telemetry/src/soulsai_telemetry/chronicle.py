"""Notes what happens to the training node: that it starts, resumes, falls silent, saves and ends."""

from __future__ import annotations

from collections.abc import Callable

from soulsai_telemetry.history.builder import HistoryBuilder
from soulsai_telemetry.history.records import OVER, TrainingStatus
from soulsai_telemetry.history.run_events import BACK, CHECKPOINT, END, RESUME, SAVE, SILENT, START, RunEvent, RunEvents
from soulsai_telemetry.run_view import Checkpoint


class Chronicle:
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

    def _add(self, kind: str, text: str, iteration: int | None, time: float | None = None) -> None:
        newest = self._builder.newest
        episode = 0 if newest is None else newest.number
        at = self._wall() if time is None else time
        self._events.add(RunEvent(kind, text, at, episode, self._builder.steps, iteration))
