"""Experience replay (Lin 1992)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from soulsai_core import Arrays, ArraySpec, CheckpointError
from soulsai_dqn.storage import make_storage


class Draw(NamedTuple):
    """What was drawn.

    Attributes:
        columns: name -> (batches, batch_size, *shape), and "weight" where the draw was not uniform; arrays, or tensors
            where the replay buffer lies on a device.
        slots, written: int (batches, batch_size): where each row lies, and its number in the order of writing.
    """

    columns: dict[str, Any]
    slots: np.ndarray
    written: np.ndarray


class ReplayBuffer:
    """A ring of rows in preallocated columns; the oldest are overwritten. Draws are uniform.

    Args:
        capacity: rows kept.
        columns: name -> spec of one row.
        device: where the columns lie as tensors; None: as arrays in main memory.
    """

    def __init__(self, capacity: int, columns: Mapping[str, ArraySpec], device: torch.device | None = None) -> None:
        self.capacity = capacity
        self.device_type = "cpu" if device is None else device.type
        self._specs = dict(columns)
        self._storage = make_storage(capacity, columns, device)
        self._next = 0
        self._size = 0
        self._written = np.zeros(capacity, np.int64)
        self._count = 0

    @property
    def bytes(self) -> int:
        """Memory that it takes once it is full."""
        return self._storage.bytes + self._written.nbytes

    @property
    def drawn_bytes(self) -> int:
        """Memory of a row that was drawn."""
        return sum(row_bytes(spec) for spec in self._specs.values())

    @property
    def rows(self) -> int:
        """Rows that it holds."""
        return self._size

    def __len__(self) -> int:
        """Rows that can be drawn."""
        return self._size

    def append(self, rows: Arrays, client: str = "") -> None:
        """Append rows name -> (n, *shape) of a client; of more than the capacity the last are kept."""
        count = len(next(iter(rows.values())))
        if count > self.capacity:
            rows, count = {name: column[-self.capacity :] for name, column in rows.items()}, self.capacity
        first = min(count, self.capacity - self._next)
        numbers = np.arange(self._count, self._count + count)
        self._storage.write(self._next, {name: rows[name][:first] for name in self._specs})
        self._written[self._next : self._next + first] = numbers[:first]
        if first < count:
            self._storage.write(0, {name: rows[name][first:] for name in self._specs})
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

    def forget(self, present: frozenset[str]) -> None:
        """No more rows of other clients than these will follow."""

    def _gather(self, slots: np.ndarray) -> Draw:
        return Draw(self._storage.gather(slots), slots, self._written.take(slots))

    def save(self) -> Arrays:
        """The rows, the oldest first."""
        columns = self._storage.arrays()
        return {name: np.roll(column[: self._size], -self._oldest, axis=0) for name, column in columns.items()}

    def load(self, rows: Arrays) -> None:
        """Replace the content by rows saved earlier; of more than the capacity the newest are kept."""
        rows = {name: column for name, column in rows.items() if name != "priority"}
        if rows.keys() != self._specs.keys() or any(
            rows[name].shape[1:] != spec.shape for name, spec in self._specs.items()
        ):
            raise CheckpointError("The replay buffer of this checkpoint has other columns than this training.")
        self._next = self._size = 0
        if len(next(iter(rows.values()))):
            self._put_back(rows)

    def _put_back(self, rows: Arrays) -> None:
        self.append(rows)

    @property
    def _oldest(self) -> int:
        """Slot of the oldest row."""
        return self._next if self._size == self.capacity else 0


def row_bytes(spec: ArraySpec) -> int:
    """Memory of one row of a column."""
    return int(np.prod(spec.shape, dtype=np.int64)) * np.dtype(spec.dtype).itemsize
