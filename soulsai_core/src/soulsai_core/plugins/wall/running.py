"""Calls that take long: they are named, and waited for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

log = logging.getLogger(__name__)

LONG = 30.0
"""Seconds after which a call takes long."""

_Made = TypeVar("_Made")


class RunningCall:
    """The call of one object's method that is under way. The thread that calls writes it, another may read it.

    Args:
        owner: whose method it is, as in `Wall`.
        clock: monotonic seconds.

    Attributes:
        now: method and time of its begin, a new pair for each call, so that no two are the same; None between calls.
    """

    __slots__ = ("clock", "now", "owner")

    def __init__(self, owner: str, clock: Callable[[], float]) -> None:
        self.owner = owner
        self.clock = clock
        self.now: tuple[str, float] | None = None


class LongCalls:
    """Says in the log which call takes long, and how long it took once it is over. For objects that one thread calls.

    Args:
        repeats: each long call is said; otherwise only the first of each method, where it is usual that they take long.
    """

    def __init__(self, *, repeats: bool = True) -> None:
        self._repeats = repeats
        self._watched: dict[type[Any], RunningCall] = {}
        self._named: tuple[RunningCall, tuple[str, float]] | None = None
        self._told: set[str] = set()

    def watch(self, made: _Made) -> _Made:
        """The same object, watched instead of an earlier one of its type if it is behind the wall."""
        running = getattr(made, "running", None)
        if isinstance(running, RunningCall):
            self._watched[type(made)] = running
        return made

    def look(self) -> str:
        """The sentence on the call that takes long just now, "" if none does. Call it often, in one thread."""
        if self._named is not None:
            self._say_if_over(*self._named)
        for running in tuple(self._watched.values()):
            call = running.now
            if call is not None and (seconds := running.clock() - call[1]) > LONG:
                sentence = (
                    f"{running.owner} is slow: {call[0]} has been running for {seconds:.0f} s. It is waited for; "
                    "end the program if it hangs."
                )
                self._name(running, call, sentence)
                return sentence
        return ""

    def _name(self, running: RunningCall, call: tuple[str, float], sentence: str) -> None:
        if self._named is None and (self._repeats or call[0] not in self._told):
            log.warning("%s", sentence)
            self._named = running, call
            self._told.add(call[0])

    def _say_if_over(self, running: RunningCall, call: tuple[str, float]) -> None:
        if running.now is not call:
            method, since = call
            log.warning("%s was slow: %s took %.0f s.", running.owner, method, running.clock() - since)
            self._named = None
