"""Requests of the telemetry's user, who may ask for checkpoints and, by a setting, for changes of settings, but send no
other command. The same ones for saves are obeyed together, and nothing all the time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from soulsai_core.messages import Command

SAVES = ("quicksave", "save_best", "best_is_saved")
CHANGES = ("set", "set_back")

_INTERVAL = 5.0
"""Seconds between two saves of one kind. A save may take the training as long as many updates."""

_MAX_SENDERS = 16
"""Requests that one save answers. Those who send more at a time are not people, and get no answer."""

_MAX_ID = 64

_CHANGE_INTERVAL = 1.0
"""Seconds between two changes of settings. Each is written to the folder and to the server."""

_MAX_CHANGES = 16
"""Changes that may wait. Those who send more at a time are not people, and get no answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, or several for the same save.

    Attributes:
        senders: the ids under which they are answered.
        options: of the newest of them.
    """

    name: str
    senders: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)


class RequestQueue:
    """Collects requests until they are due.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: dict[str, list[str]] = {name: [] for name in SAVES}
        self._options: dict[str, dict[str, Any]] = {name: {} for name in SAVES}
        self._next = dict.fromkeys(SAVES, clock())
        self._changes: deque[Command] = deque()
        self._next_change = clock()

    def add(self, command: Command) -> bool:
        """Take in one request. False if it asks for something else, or if too many changes wait."""
        if len(command.id) > _MAX_ID:
            return False
        if command.name in CHANGES:
            fits = len(self._changes) < _MAX_CHANGES
            if fits:
                self._changes.append(command)
            return fits
        if command.name not in SAVES:
            return False
        self._options[command.name] = command.options
        senders = self._waiting[command.name]
        if len(senders) < _MAX_SENDERS and command.id not in senders:
            senders.append(command.id)
        return True

    def due(self) -> list[Request]:
        """The requests to be obeyed now. They are no longer waiting then."""
        now = self._clock()
        ready = [name for name in SAVES if self._waiting[name] and now >= self._next[name]]
        requests = [Request(name, tuple(self._waiting[name]), self._options[name]) for name in ready]
        for name in ready:
            self._waiting[name].clear()
            self._next[name] = now + _INTERVAL
        if self._changes and now >= self._next_change:
            change = self._changes.popleft()
            requests.append(Request(change.name, (change.id,), change.options))
            self._next_change = now + _CHANGE_INTERVAL
        return requests
