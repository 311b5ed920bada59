"""Uniform experience replay (Lin 1992)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from soulsai_core import Arrays, ArraySpec, CheckpointError


class ReplayBuffer:
    """A ring of transitions in preallocated columns; the oldest are overwritten.

    Args:
        capacity: transitions kept.
        columns: name -> spec of one row.
    """

    def __init__(self, capacity: int, columns: Mapping[str, ArraySpec]) -> None:
        self.capacity = capacity
        self._columns: Arrays = {n: np.zeros((capacity, *s.shape), s.dtype) for n, s in columns.items()}
        self._next = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, rows: Arrays) -> None:
        """Append rows name -> (n, *shape); of more than the capacity the last are kept."""
        count = len(next(iter(rows.values())))
        if count > self.capacity:
            rows, count = {name: column[-self.capacity :] for name, column in rows.items()}, self.capacity
        first = min(count, self.capacity - self._next)
        for name, column in self._columns.items():
            column[self._next : self._next + first] = rows[name][:first]
            if first < count:
                column[: count - first] = rows[name][first:]
        self._next = (self._next + count) % self.capacity
        self._size = min(self._size + count, self.capacity)

    def sample(self, rng: np.random.Generator, batches: int, batch_size: int) -> Arrays:
        """Draw with replacement: name -> (batches, batch_size, *shape). One gather serves all batches.

        What is drawn is the age of a transition, not its slot: a buffer that was loaded draws the same."""
        slots = rng.integers(0, self._size, (batches, batch_size))
        slots = (slots + self._oldest) % self.capacity
        return {name: column[slots] for name, column in self._columns.items()}

    def save(self) -> Arrays:
        """The transitions, the oldest first."""
        return {name: np.roll(column[: self._size], -self._oldest, axis=0) for name, column in self._columns.items()}

    def load(self, rows: Arrays) -> None:
        """Replace the content by rows saved earlier; of more than the capacity the newest are kept."""
        if rows.keys() != self._columns.keys() or any(
            rows[name].shape[1:] != column.shape[1:] for name, column in self._columns.items()
        ):
            raise CheckpointError("The replay buffer of this checkpoint has other columns than this training.")
        self._next = self._size = 0
        if len(next(iter(rows.values()))):
            self.append(rows)

    @property
    def _oldest(self) -> int:
        """Slot of the oldest transition."""
        return self._next if self._size == self.capacity else 0
