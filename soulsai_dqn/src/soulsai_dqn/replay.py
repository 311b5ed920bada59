"""Experience replay (Lin 1992)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from soulsai_core import Arrays, ArraySpec, CheckpointError


class Draw(NamedTuple):
    """What was drawn.

    Attributes:
        columns: name -> (batches, batch_size, *shape), and "weight" where the draw was not uniform.
        slots, written: int (batches, batch_size): where each row lies, and its number in the order of writing.
    """

    columns: Arrays
    slots: np.ndarray
    written: np.ndarray


class ReplayBuffer:
    """A ring of rows in preallocated columns; the oldest are overwritten. Draws are uniform.

    Args:
        capacity: rows kept.
        columns: name -> spec of one row.
    """

    def __init__(self, capacity: int, columns: Mapping[str, ArraySpec]) -> None:
        self.capacity = capacity
        self._columns: Arrays = {n: np.zeros((capacity, *s.shape), s.dtype) for n, s in columns.items()}
        self._next = 0
        self._size = 0
        self._written = np.zeros(capacity, np.int64)
        self._count = 0

    @property
    def bytes(self) -> int:
        """Memory of the columns once they are full."""
        return sum(column.nbytes for column in self._columns.values())

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
        numbers = np.arange(self._count, self._count + count)
        self._written[self._next : self._next + first] = numbers[:first]
        self._written[: count - first] = numbers[first:]
        self._count += count
        self._next = (self._next + count) % self.capacity
        self._size = min(self._size + count, self.capacity)

    def draw(self, rng: np.random.Generator, batches: int, batch_size: int, beta: float = 1.0) -> Draw:
        """Draw with replacement; one gather serves all batches.

        What is drawn is the age of a row, not its slot: a buffer that was loaded draws the same."""
        slots = rng.integers(0, self._size, (batches, batch_size))
        slots = (slots + self._oldest) % self.capacity
        return self._gather(slots)

    def update(self, draw: Draw, errors: np.ndarray) -> None:
        """The rows drawn have TD errors (batches, batch_size) now; nothing here depends on them."""

    def _gather(self, slots: np.ndarray) -> Draw:
        columns = {name: column[slots] for name, column in self._columns.items()}
        return Draw(columns, slots, self._written[slots])

    def save(self) -> Arrays:
        """The rows, the oldest first."""
        return {name: np.roll(column[: self._size], -self._oldest, axis=0) for name, column in self._columns.items()}

    def load(self, rows: Arrays) -> None:
        """Replace the content by rows saved earlier; of more than the capacity the newest are kept."""
        rows = {name: column for name, column in rows.items() if name != "priority"}
        if rows.keys() != self._columns.keys() or any(
            rows[name].shape[1:] != column.shape[1:] for name, column in self._columns.items()
        ):
            raise CheckpointError("The replay buffer of this checkpoint has other columns than this training.")
        self._next = self._size = 0
        if len(next(iter(rows.values()))):
            self.append(rows)

    @property
    def _oldest(self) -> int:
        """Slot of the oldest row."""
        return self._next if self._size == self.capacity else 0
