"""When something last happened in the training, found by looking at its counts several times a second."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

from soulsai_core.node.status.node_status import Activity

_WINDOW = 60.0
"""Seconds over which rows are counted."""

_SAMPLE = 1.0
"""Seconds between two points of that window."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What has happened since the node started.

    Attributes:
        messages: of samples that were judged.
        admitted: rows.
        rejected: rows by reason.
        updates, episodes, checkpoints: number of them.
        clients: client -> its environment steps so far, of those that are present.
    """

    messages: int
    admitted: int
    rejected: Mapping[str, int]
    updates: int
    episodes: int
    checkpoints: int
    clients: Mapping[str, int]


class ActivityLog:
    """Notes at which time each count has changed. All times are monotonic seconds.

    Args:
        now: when the training starts.
    """

    def __init__(self, now: float) -> None:
        self._started = now
        self._changed: dict[str, float] = {}
        self._last: Counts | None = None
        self._present_since: float | None = None
        self._absent_since: float | None = now
        self._longest_pause = 0.0
        self._steps: dict[str, tuple[int, float]] = {}
        self._window: deque[tuple[float, int, Counter[str]]] = deque([(now, 0, Counter())])

    def note(self, counts: Counts, now: float, updating_since: float | None = None) -> Activity:
        """Take the counts at `now`, while an update runs since `updating_since`. Returns when what last happened."""
        self._note_clients(counts.clients, now)
        self._note_changes(counts, now)
        self._last = counts
        before, admitted_before, rejected_before = self._window[0]

        def ago(name: str) -> float | None:
            return now - self._changed[name] if name in self._changed else None

        return Activity(
            up=now - self._started,
            absent=0.0 if self._absent_since is None else now - self._absent_since,
            present=0.0 if self._present_since is None else now - self._present_since,
            message=ago("messages"),
            admitted=ago("admitted"),
            update=ago("updates"),
            episode=ago("episodes"),
            checkpoint=ago("checkpoints"),
            longest_pause=self._longest_pause,
            updating=None if updating_since is None else max(now - updating_since, 0.0),
            recent_seconds=now - before,
            recent_admitted=counts.admitted - admitted_before,
            recent_rejected=dict(Counter(counts.rejected) - rejected_before),
        )

    def idle(self, client: str, now: float) -> float:
        """Seconds since the client's number of environment steps has grown."""
        return now - self._steps[client][1] if client in self._steps else 0.0

    def _note_clients(self, clients: Mapping[str, int], now: float) -> None:
        if clients:
            self._present_since = now if self._present_since is None else self._present_since
            self._absent_since = None
        else:
            self._absent_since = now if self._absent_since is None else self._absent_since
            self._present_since = None
        known = self._steps
        self._steps = {
            name: known[name] if name in known and known[name][0] == steps else (steps, now)
            for name, steps in clients.items()
        }

    def _note_changes(self, counts: Counts, now: float) -> None:
        last = self._last
        if last is not None:
            for name in ("messages", "admitted", "updates", "episodes", "checkpoints"):
                if getattr(counts, name) != getattr(last, name):
                    self._note_change(name, now)
        elif counts.messages:
            self._note_change("messages", now)
        if now - self._window[-1][0] >= _SAMPLE:
            self._window.append((now, counts.admitted, Counter(counts.rejected)))
            while len(self._window) > 2 and self._window[1][0] <= now - _WINDOW:
                self._window.popleft()

    def _note_change(self, name: str, now: float) -> None:
        if name == "messages" and name in self._changed and self._present_since is not None:
            # A pause without clients says nothing about how long clients usually take.
            pause = now - max(self._changed[name], self._present_since)
            self._longest_pause = max(self._longest_pause, pause)
        self._changed[name] = now
