"""What a client plays with the same weights, as rows that are given out while it grows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from soulsai_core import Arrays, ArraySpec, SampleBatch
from soulsai_ppo.columns import CUT, LAST, NEXT_VALUE, POSITION, TERMINATED


class Rollout:
    """Steps of all environments in the order of time, complete once it has `length` rows or a few more.

    The rows of the newest step are held back, since it may turn out that nothing follows them.

    Args:
        columns: name -> spec of one row.
        iteration: whose weights choose the actions.
        room: rows that one step may bring at most.
    """

    def __init__(self, columns: Mapping[str, ArraySpec], iteration: int, length: int, room: int) -> None:
        self.iteration = iteration
        self.complete = False
        self._length = length
        self._columns: Arrays = {n: np.empty((length + room, *s.shape), s.dtype) for n, s in columns.items()}
        self._columns[POSITION][:] = np.arange(length + room)
        self._columns[LAST][:] = False
        self._count = self._held = self._given = 0

    @property
    def full(self) -> bool:
        """No further step is wanted."""
        return self._count >= self._length

    def append(self, rows: Arrays, count: int) -> None:
        """Add the rows of one step; the step before is followed by it."""
        start, self._count = self._count, self._count + count
        self._held = start
        for name, column in rows.items():
            self._columns[name][start : self._count] = column

    def open_rows(self) -> np.ndarray:
        """Which rows of the newest step, counted within it, are not yet known to end an episode."""
        held = slice(self._held, self._count)
        return np.flatnonzero(~(self._columns[TERMINATED][held] | self._columns[CUT][held]))

    def bootstrap(self, rows: np.ndarray, next_value: np.ndarray) -> None:
        """Nothing follows these rows of the newest step, and their next observations have these values."""
        self._columns[CUT][self._held + rows] = True
        self._columns[NEXT_VALUE][self._held + rows] = next_value

    def finish(self) -> None:
        """The newest row is the last one."""
        self._columns[LAST][self._count - 1] = True
        self._held = self._count
        self.complete = True

    def release(self) -> None:
        """Nothing follows the newest step, and what is held back may go."""
        self._held = self._count

    def take(self) -> SampleBatch | None:
        """The rows known since the last call."""
        rows = slice(self._given, self._held)
        if rows.start >= rows.stop:
            return None
        self._given = self._held
        stamp = np.full(rows.stop - rows.start, self.iteration, np.int64)
        return SampleBatch(stamp, {name: column[rows] for name, column in self._columns.items()})
