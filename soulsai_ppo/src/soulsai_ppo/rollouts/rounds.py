"""Rounds: which clients take part, which rollouts are complete, and when there are enough to learn from.

A round is complete when enough rollouts are, and no expected client is still about to complete another. No loss can
stop it for ever: an incomplete rollout of a lost client is dropped, a silent client is not waited for, and a round in
which nothing arrives any more is restarted, with the same weights under a new iteration. Complete rollouts then stay
valid, since the weights are the same.

Nor can a client that goes on sending rows and never completes a rollout: each has twice the time in which enough others
were done. A client that is late drops out of the round, and is waited for again once it has completed one in time.
"""

from __future__ import annotations

from collections.abc import Callable

from soulsai_core import ITERATION, Arrays, StepBatch
from soulsai_ppo.rollouts.client_rollout import ClientRollout

# Seconds that a client may be silent before it is not waited for, at least; so long, too, until rows that another
# message announced count as lost.
_PATIENCE = 1.0


class Rounds:
    """The rollouts of all clients, complete and growing.

    Args:
        needed: rollouts that a round needs.
        timeout: seconds without a new row after which a round is stalled.
        clock: monotonic seconds.
        max_rows: rows that one rollout may have.

    Attributes:
        present: the clients that are connected.
        expected: those of them that the round waits for, as long as they send rows.
        late: clients that were waited for in the last round, sent rows, and did not complete a rollout in time.
    """

    def __init__(self, needed: int, timeout: float, clock: Callable[[], float], max_rows: int) -> None:
        self.present: frozenset[str] = frozenset()
        self.expected: frozenset[str] = frozenset()
        self.late: frozenset[str] = frozenset()
        self._needed = needed
        self._timeout = timeout
        self._clock = clock
        self._max_rows = max_rows
        self._growing: dict[str, ClientRollout] = {}
        self._complete: dict[str, Arrays] = {}
        self._last_rows_at: dict[str, float] = {}
        self._silent: frozenset[str] = frozenset()
        self._slow: frozenset[str] = frozenset()
        self._done: set[str] = set()
        self._iteration = 0
        self._first_at: float | None = None
        self._enough_at: float | None = None
        self.begin()

    def begin(self) -> None:
        """Start a round: the clients get new weights now. Those that sent nothing in the last round, or were late, are
        not waited for."""
        heard = self._last_rows_at.keys()
        self.late = frozenset()
        if self._enough_at is not None:
            self.late = (self.expected & heard) - self._done - self._incomplete
        # One that was late stays so until it is done in time: rows alone do not show that it will be.
        self._slow = (self._slow | self.late) - self._done
        if heard:
            self._silent = (self._silent | self.expected) - heard
        self.expected = self.present - self._silent - self._slow
        self._began_at = self._clock()
        self._changed_at = self._began_at
        self._first_at = None
        self._enough_at = None
        self._growing.clear()
        self._last_rows_at.clear()
        self._done.clear()

    def clients_changed(self, present: frozenset[str]) -> None:
        """These clients are connected. A new client's rollout counts; it is waited for from the next round on, unless
        this round has no rows yet."""
        self.present = present
        untouched = not self._last_rows_at and not self._complete
        self._slow &= present  # a client that comes again under the same name may be another one
        self.expected = present - self._silent - self._slow if untouched else self.expected & present
        for client in self._growing.keys() - present:
            del self._growing[client]
        self._changed_at = self._clock()

    def wait_for_all_heard(self) -> None:
        """The round goes on after a resume: all clients with rows in it are about to complete their rollouts."""
        self.expected |= frozenset(self._last_rows_at)

    def add(self, steps: StepBatch, client: str) -> None:
        """Take in rows of one client; those of older iterations are ignored."""
        self._iteration = int(steps.segments[:, ITERATION].max(initial=self._iteration))
        if steps.closed is not None:
            self._iteration = max(self._iteration, steps.closed.iteration)
        rollout = self._growing.get(client)
        if rollout is None or rollout.iteration < self._iteration:
            rollout = self._growing[client] = ClientRollout(self._iteration, self._max_rows)
        if rollout.complete or not rollout.add(steps):
            return
        now = self._clock()
        self._last_rows_at[client] = now
        self._changed_at = now
        if rollout.complete:
            self._complete[client] = rollout.columns()
            self._done.add(client)
            self._count(now)

    def _count(self, now: float) -> None:
        if self._first_at is None:
            self._first_at = now
        if self._enough_at is None and len(self._complete) >= self._needed:
            self._enough_at = now

    @property
    def _incomplete(self) -> set[str]:
        """Clients that wait for new weights although some of their rows were lost."""
        return {client for client, rollout in self._growing.items() if rollout.incomplete}

    @property
    def _playing(self) -> frozenset[str]:
        """Expected clients that may still complete their rollouts."""
        return self.expected - self._complete.keys() - self._incomplete

    @property
    def awaited(self) -> tuple[str, ...]:
        """The clients whose rollouts are waited for."""
        return tuple(sorted(self._playing))

    @property
    def enough(self) -> bool:
        """Whether there are as many rollouts as a round needs."""
        return self._enough_at is not None

    @property
    def complete(self) -> bool:
        """Whether there are enough rollouts, and every expected client has completed its own or is silent."""
        if self._enough_at is None:
            return False
        now = self._clock()
        # A slow client may take as long for its rows as the others took for all of theirs, and no longer in all.
        patience = max(_PATIENCE, self._enough_at - self._began_at)
        if now - self._enough_at > patience:
            return True
        return all(now - self._last_rows_at.get(client, self._began_at) > patience for client in self._playing)

    @property
    def stalled(self) -> bool:
        """Whether enough clients are connected and nothing arrives any more: rows were lost, or a client is stuck."""
        if self.missing or self.complete:
            return False
        incomplete = bool(self._incomplete)
        waited = self._clock() - self._changed_at
        return (incomplete and not self._playing) or waited > (_PATIENCE if incomplete else self._timeout)

    @property
    def missing(self) -> int:
        """Clients that must join before the round can be complete."""
        return max(self._needed - len(self.present), 0)

    @property
    def completed(self) -> int:
        """The number of complete rollouts."""
        return len(self._complete)

    @property
    def seconds(self) -> float:
        """Seconds since the round began."""
        return self._clock() - self._began_at

    @property
    def waited_seconds(self) -> float:
        """Seconds since the first rollout was complete."""
        return 0.0 if self._first_at is None else self._clock() - self._first_at

    def take(self) -> dict[str, Arrays]:
        """Remove and return the complete rollouts by client, in the order of names, so that a seed decides
        everything."""
        taken = dict(sorted(self._complete.items()))
        self._complete.clear()
        return taken
