"""Rounds: who takes part, whose rollouts are there, and when there is enough to learn from.

A round is complete when enough rollouts are complete and nobody else is worth waiting for. Nothing can stop it for
good: the rollout of a lost client is dropped unless it is complete, a client that says nothing is not waited for, and
a round in which nothing arrives any more is begun anew, with the same weights under a new iteration. What is complete
then stays valid, since the weights are the same.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from soulsai_core import ITERATION, Arrays, StepBatch
from soulsai_ppo.rollouts.assembly import Assembly

_PATIENCE = 1.0


class Rounds:
    """Complete and growing rollouts by client.

    Args:
        needed: rollouts that a round needs.
        timeout: seconds without a new row after which a round is stalled.
        clock: monotonic seconds.
        most: rows that one rollout may have.

    Attributes:
        present: the clients that are there.
        expected: those of them that the round waits for, as long as they can be heard.
    """

    def __init__(self, needed: int, timeout: float, clock: Callable[[], float], most: int) -> None:
        self.present: frozenset[str] = frozenset()
        self.expected: frozenset[str] = frozenset()
        self._needed = needed
        self._timeout = timeout
        self._clock = clock
        self._most = most
        self._growing: dict[str, Assembly] = {}
        self._complete: dict[str, Arrays] = {}
        self._heard: dict[str, float] = {}
        self._silent: frozenset[str] = frozenset()
        self._iteration = 0
        self._first_at: float | None = None
        self._enough_at: float | None = None
        self.begin()

    def begin(self) -> None:
        """The clients get new weights now. Those that said nothing in the last round are not waited for."""
        if self._heard:
            self._silent = (self._silent | self.expected) - self._heard.keys()
        self.expected = self.present - self._silent
        self._began = self._moved = self._clock()
        self._first_at = self._enough_at = None
        self._growing.clear()
        self._heard.clear()

    def clients_changed(self, present: frozenset[str]) -> None:
        """These clients are there. A newcomer's rollout counts, but once a round has its first rows it is waited for
        from the next round on only."""
        self.present = present
        untouched = not self._heard and not self._complete
        self.expected = present - self._silent if untouched else self.expected & present
        for client in self._growing.keys() - present:
            del self._growing[client]
        self._moved = self._clock()

    def add(self, steps: StepBatch, client: str) -> None:
        """Take in rows of one client; those of older iterations are ignored."""
        self._iteration = int(steps.segments[:, ITERATION].max(initial=self._iteration))
        if steps.closed is not None:
            self._iteration = max(self._iteration, steps.closed.iteration)
        assembly = self._growing.get(client)
        if assembly is None or assembly.iteration < self._iteration:
            assembly = self._growing[client] = Assembly(self._iteration, self._most)
        if assembly.complete or not assembly.add(steps):
            return
        now = self._heard[client] = self._moved = self._clock()
        if assembly.complete:
            self._complete[client] = assembly.assembled()
            self._count(now)

    def _count(self, now: float) -> None:
        if self._first_at is None:
            self._first_at = now
        if self._enough_at is None and len(self._complete) >= self._needed:
            self._enough_at = now

    @property
    def _torn(self) -> set[str]:
        """Those who wait for new weights although some of their rows were lost."""
        return {client for client, assembly in self._growing.items() if assembly.torn}

    @property
    def _playing(self) -> frozenset[str]:
        """Those expected who may still complete their rollouts."""
        return self.expected - self._complete.keys() - self._torn

    @property
    def complete(self) -> bool:
        """There is enough, and no expected client that can be heard is still playing."""
        if self._enough_at is None:
            return False
        now = self._clock()
        patience = max(_PATIENCE, self._enough_at - self._began)
        return all(now - self._heard.get(client, self._began) > patience for client in self._playing)

    @property
    def stalled(self) -> bool:
        """Enough clients are there, and nothing comes any more: something was lost, surely or very likely."""
        if self.missing or self.complete:
            return False
        torn = bool(self._torn)
        waited = self._clock() - self._moved
        return (torn and not self._playing) or waited > (_PATIENCE if torn else self._timeout)

    @property
    def missing(self) -> int:
        """Clients that must join before the round can be completed."""
        return max(self._needed - len(self.present), 0)

    @property
    def completed(self) -> int:
        """Rollouts that are complete."""
        return len(self._complete)

    @property
    def seconds(self) -> float:
        """Time since the round began."""
        return self._clock() - self._began

    @property
    def waited_seconds(self) -> float:
        """Time since the first rollout was complete."""
        return 0.0 if self._first_at is None else self._clock() - self._first_at

    def take(self) -> dict[str, Arrays]:
        """The complete rollouts by client, in a fixed order."""
        taken = dict(sorted(self._complete.items()))
        self._complete.clear()
        return taken

    def save(self) -> dict[str, Arrays]:
        """The complete rollouts; what is still growing belongs to clients that will begin anew."""
        return {name: {key: column.copy() for key, column in rows.items()} for name, rows in self._complete.items()}

    def load(self, rollouts: dict[str, Arrays]) -> None:
        """Go on with rollouts saved earlier, played with the weights saved beside them."""
        self._growing.clear()
        self._complete = {name: {k: np.array(c) for k, c in rows.items()} for name, rows in rollouts.items()}
        if self._complete:
            self._count(self._clock())
