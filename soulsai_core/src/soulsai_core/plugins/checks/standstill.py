"""Notices a learner that makes no updates although rows come, and one that makes updates although none come."""

from __future__ import annotations

import logging
from collections.abc import Callable

from soulsai_core.contracts import Sync
from soulsai_core.plugins.checks.checker import Checker
from soulsai_core.steps import Source

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds without an update after which the reason is logged; then after twice, four times, ... as many."""

_USUAL_PAUSES = 10.0
"""Once there were updates: the longest pause between two of them, times this, is the patience if it is more."""

_MANY = 50.0
"""Rows that a learner may leave unused before this is a warning, as a multiple of those of an update."""

_IDLE_UPDATES = 32
"""Updates one after the other, without a new row, that are noted as a mistake."""


class Standstill:
    """Follows rows, updates and answers of `Learner.ready`, and logs why nothing happens or too much.

    Args:
        sync: of the learner's algorithm.
        clock: monotonic seconds.
    """

    def __init__(self, checker: Checker, sync: Sync, clock: Callable[[], float]) -> None:
        self._checker = checker
        self._sync = sync
        self._clock = clock
        self._patience = PATIENCE
        self._clients = 0
        self._quota: int | None = None
        self._rows = 0
        self._idle_updates = 0
        self._begin()

    def _begin(self) -> None:
        """Nothing is late yet."""
        self._since = self._clock()
        self._next = self._patience

    def clients_changed(self, clients: int) -> None:
        """There are this many clients. Before the first one, nothing is late."""
        if self._clients == 0:
            self._begin()
        self._clients = clients

    def added(self, rows: int) -> None:
        """The learner took rows in."""
        if self._rows == 0:
            self._begin()
        self._rows += rows
        self._idle_updates = 0

    def offered(self, quota: int | None) -> None:
        """Clients make this many rows with a model."""
        self._quota = quota

    def updated(self) -> None:
        """The learner made an update."""
        self._patience = max(self._patience, _USUAL_PAUSES * (self._clock() - self._since))
        self._idle_updates += 1
        self._rows = 0
        self._begin()

    def answered(self, ready: bool | None) -> None:
        """`Learner.ready` gave this."""
        if ready:
            self._note_idle_updates()
        elif self._clock() - self._since >= self._next:
            self._next *= 2
            self._log_reason(ready)

    def _note_idle_updates(self) -> None:
        if self._idle_updates >= _IDLE_UPDATES:
            self._idle_updates = 0
            self._checker.note(
                f"Learner.ready gave True for {_IDLE_UPDATES} updates without new rows instead of False",
                "Each of them makes the rows that clients send now staler.",
            )

    def _log_reason(self, ready: bool | None) -> None:
        reason = self._reason(ready)
        if reason:
            expected = ready is False and self._rows < _MANY * self._sync.rows_per_iteration
            seconds = self._clock() - self._since
            level = logging.INFO if expected else logging.WARNING
            log.log(level, "%s has made no update for %.0f s: %s.", self._checker.owner, seconds, reason)

    def _reason(self, ready: bool | None) -> str:
        needed = self._sync.rows_per_iteration
        if ready is False and self._rows:
            waiting = f"; each client waits after the {self._quota} rows of Learner.quota" if self._quota else ""
            return f"Learner.ready gave False, so far for {self._rows} rows{waiting}"
        if ready is None and self._quota is not None and 0 < self._rows < needed:
            return (
                f"Learner.quota gave {self._quota} rows for each client, {max(self._clients, 1)} made {self._rows}, "
                f"and Learner.ready gave None, which waits for the {needed} of Sync.rows_per_iteration"
            )
        if self._clients and not self._rows and Source.AGENT not in self._sync.sources:
            names = ", ".join(source.name for source in self._sync.sources)
            return f"no rows came that it learns from: Sync.sources has {names}, and the rows of clients are of AGENT"
        return ""
