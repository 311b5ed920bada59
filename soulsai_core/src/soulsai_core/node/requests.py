"""Requests of users who may only ask for checkpoints: the same ones are obeyed together, and not all the time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from soulsai_core.messages import Command

NAMES = ("quicksave", "save_best", "best_is_saved")

_INTERVAL = 5.0
"""Seconds between two saves of one kind. A save may take the training as long as many updates."""

_MAX_SENDERS = 16
"""Requests that one save answers. Those who send more at a time are not people, and get no answer."""

_MAX_ID = 64


@dataclass(frozen=True, slots=True)
class Request:
    """One or several requests for the same.

    Attributes:
        senders: the ids under which they are answered.
        options: of the newest of them.
    """

    name: str
    senders: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)


class RequestQueue:
    """Collects requests until one of their kind is due.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: dict[str, list[str]] = {name: [] for name in NAMES}
        self._options: dict[str, dict[str, Any]] = {name: {} for name in NAMES}
        self._next = dict.fromkeys(NAMES, clock())

    def add(self, command: Command) -> bool:
        """Take in one request. False if it asks for anything but a save."""
        if command.name not in NAMES or len(command.id) > _MAX_ID:
            return False
        self._options[command.name] = command.options
        senders = self._waiting[command.name]
        if len(senders) < _MAX_SENDERS and command.id not in senders:
            senders.append(command.id)
        return True

    def due(self) -> list[Request]:
        """The requests to be obeyed now. They are no longer waiting then."""
        now = self._clock()
        ready = [name for name in NAMES if self._waiting[name] and now >= self._next[name]]
        requests = [Request(name, tuple(self._waiting[name]), self._options[name]) for name in ready]
        for name in ready:
            self._waiting[name].clear()
            self._next[name] = now + _INTERVAL
        return requests
