"""One client's rollout, put together from messages that may be lost, repeated or out of order."""

from __future__ import annotations

import numpy as np

from soulsai_core import Arrays, SampleBatch
from soulsai_ppo.columns import CUT, ENV, LAST, POSITION, TERMINATED


class Assembly:
    """Keeps the rows of one model iteration by their position, each once.

    Attributes:
        iteration: whose weights chose the actions.
        rows: how many are there.
    """

    def __init__(self, iteration: int) -> None:
        self.iteration = iteration
        self.rows = 0
        self._length: int | None = None
        self._highest = -1
        self._seen = np.zeros(1024, np.bool_)
        self._pieces: list[Arrays] = []

    @property
    def complete(self) -> bool:
        """All rows up to the last one are there."""
        return self.rows == self._length

    @property
    def torn(self) -> bool:
        """A later row is there and an earlier one is not: since messages come in order, it was lost."""
        return self.rows <= self._highest

    def add(self, batch: SampleBatch) -> int:
        """Take in rows of this iteration, but those that are there already. Returns how many were new."""
        position = batch.columns[POSITION]
        self._highest = max(self._highest, int(position.max()))
        self._make_room(self._highest + 1)
        new = ~self._seen[position]
        if np.count_nonzero(new) != len(np.unique(position[new])):  # the same position twice in one message
            new &= np.isin(np.arange(len(position)), np.unique(position, return_index=True)[1])
        if not new.any():
            return 0
        self._seen[position[new]] = True
        self._pieces.append({name: column[new] for name, column in batch.columns.items()})
        self.rows += int(new.sum())
        ends = position[new & batch.columns[LAST]]
        if len(ends) and self._length is None:
            self._length = int(ends[0]) + 1
        return int(new.sum())

    def _make_room(self, length: int) -> None:
        if length > len(self._seen):
            self._seen = np.concatenate([self._seen, np.zeros(max(length, len(self._seen)), np.bool_)])

    def assembled(self) -> Arrays:
        """All rows, environment after environment, each in the order of time and ended or cut at its last row."""
        columns = {name: np.concatenate([piece[name] for piece in self._pieces]) for name in self._pieces[0]}
        order = np.lexsort((columns[POSITION], columns[ENV]))
        columns = {name: column[order] for name, column in columns.items()}
        last = np.append(np.flatnonzero(np.diff(columns[ENV])), len(order) - 1)
        columns[CUT][last] |= ~columns[TERMINATED][last]
        return columns
