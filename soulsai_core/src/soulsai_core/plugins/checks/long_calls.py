"""Logs calls of plugins that take long. They are never ended."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

log = logging.getLogger(__name__)

LONG = 30.0
"""Seconds after which a call takes long."""

_Made = TypeVar("_Made")


class RunningCall:
    """The call of one object's methods that is running now.

    The thread that calls writes `now`; another thread may read it. Both are single operations, so there is no lock.

    Args:
        owner: name of the plugin, as in `Checker`.
        clock: monotonic seconds.

    Attributes:
        now: the method and the time at which it was called; None between calls. Each call has a new pair, so that two
            calls are told apart by identity.
    """

    __slots__ = ("clock", "now", "owner")

    def __init__(self, owner: str, clock: Callable[[], float]) -> None:
        self.owner = owner
        self.clock = clock
        self.now: tuple[str, float] | None = None


class LongCalls:
    """Logs which call takes long and, once it has returned, how long it took.

    Args:
        repeats: log each long call; False logs the first one of each method only, where long calls are usual.
    """

    def __init__(self, *, repeats: bool = True) -> None:
        self._repeats = repeats
        self._watched: dict[type[Any], RunningCall] = {}
        self._logged: tuple[RunningCall, tuple[str, float]] | None = None
        self._logged_methods: set[str] = set()

    def watch(self, made: _Made) -> _Made:
        """Watch a checked object in place of an earlier one of its type. Returns the object, whether checked or not."""
        running = getattr(made, "running", None)
        if isinstance(running, RunningCall):
            self._watched[type(made)] = running
        return made

    def look(self) -> str:
        """A sentence about the call that takes long now, "" if none does. Call this often, from one thread."""
        if self._logged is not None:
            self._log_if_over(*self._logged)
        for running in tuple(self._watched.values()):
            call = running.now
            if call is not None and (seconds := running.clock() - call[1]) > LONG:
                sentence = (
                    f"{running.owner} is slow: {call[0]} has been running for {seconds:.0f} s. It is waited for; "
                    "end the program if it hangs."
                )
                self._log_once(running, call, sentence)
                return sentence
        return ""

    def _log_once(self, running: RunningCall, call: tuple[str, float], sentence: str) -> None:
        if self._logged is None and (self._repeats or call[0] not in self._logged_methods):
            log.warning("%s", sentence)
            self._logged = (running, call)
            self._logged_methods.add(call[0])

    def _log_if_over(self, running: RunningCall, call: tuple[str, float]) -> None:
        if running.now is not call:
            method, since = call
            log.warning("%s was slow: %s took %.0f s.", running.owner, method, running.clock() - since)
            self._logged = None
