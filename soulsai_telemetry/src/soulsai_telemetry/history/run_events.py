"""What happened in the run: starts, resumes, changed settings, checkpoints, best models, silences and the end. Kept on
disk."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path

import msgspec

from soulsai_telemetry.history.buffered_json_lines import BufferedJsonLines

# Events in memory, and so on the page. A run of days with a checkpoint every minute has more; the oldest go first,
# except that of the first start.
_MAX_EVENTS = 2000

START = "start"
RESUME = "resume"
CHECKPOINT = "checkpoint"
SAVE = "save"
BEST = "best"
CHANGE = "change"
SILENT = "silent"
BACK = "back"
END = "end"


class RunEvent(msgspec.Struct, frozen=True):
    """One event, and where in the run it happened.

    Attributes:
        kind: "start", "resume", "checkpoint", "save" (on command), "best" (saved), "change" (of a setting), "silent"
            (the training node reports nothing), "back" (it reports again) or "end".
        text: what happened, as a sentence.
        time: in seconds since 1970.
        episode, step: of the newest episode then, as the axes of the curves count them.
        iteration: of the model, None if unknown.
    """

    kind: str
    text: str
    time: float
    episode: int
    step: int
    iteration: int | None = None


class RunEvents:
    """The events of one run, oldest first. Its methods may be called from any thread.

    Args:
        path: the file that keeps them over restarts.

    Attributes:
        changes: time and text of each changed setting, also of those that are no longer in memory.
    """

    def __init__(self, path: Path) -> None:
        self._file = BufferedJsonLines(path, RunEvent)
        self._lock = threading.Lock()  # a status is noted in one thread, the save of a best model in another
        self._events: deque[RunEvent] = deque(maxlen=_MAX_EVENTS)
        self.changes: set[tuple[float, str]] = set()
        for event in self._file.read():
            self._keep(event)

    def add(self, event: RunEvent) -> None:
        """Append an event."""
        with self._lock:
            self._keep(event)
            self._file.append([event])

    def all(self) -> list[RunEvent]:
        """All events in memory."""
        with self._lock:
            return list(self._events)

    def _keep(self, event: RunEvent) -> None:
        self._events.append(event)
        if event.kind == CHANGE:
            self.changes.add((event.time, event.text))

    @property
    def last_kind(self) -> str:
        """Kind of the newest event that says whether the training node runs, "" without one."""
        running = (START, RESUME, SILENT, BACK, END)
        return next((event.kind for event in reversed(self.all()) if event.kind in running), "")
