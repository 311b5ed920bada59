"""A pool of rows that are put in and freed one by one, for what only few rows of the ring have.

Two things are kept in pools: the observation that followed a row while its successor is not there (`StepBatch.after`),
and the values of sparse columns. A ring of their own size would be mostly empty: at the end of each message only one
row per environment has an observation in the pool.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from soulsai_core.messages import Arrays, ArraySpec
from soulsai_core.replay.columns import make_columns

_FIRST_SLOTS = 64


class Pool:
    """Rows in slots that are called places here, to tell them from the slots of the ring. It grows as needed.

    A place is either free or belongs to exactly one row of the ring; it is freed when that row is overwritten.
    """

    def __init__(self, specs: Mapping[str, ArraySpec], device: str | None) -> None:
        self._columns = make_columns(_FIRST_SLOTS, specs, device)
        self._slots = _FIRST_SLOTS
        self._free = list(range(_FIRST_SLOTS))

    @property
    def bytes(self) -> int:
        """Memory of the pool."""
        return self._columns.bytes

    def put(self, rows: Arrays, count: int) -> list[int]:
        """Keep name -> (count, *shape); returns the place of each row."""
        while len(self._free) < count:
            # Doubled, so that the copies of all growth together cost no more than one copy of the final size.
            self._columns.grow(2 * self._slots)
            self._free += range(self._slots, 2 * self._slots)
            self._slots *= 2
        if not count:
            return []
        places = [self._free.pop() for _ in range(count)]
        if count == 1:  # as for most messages: without an index it takes a fifth of the time
            self._columns.write(places[0], rows)
        else:
            self._columns.put(np.array(places, np.int64), rows)
        return places

    def free(self, place: int) -> None:
        """The row in this place is no longer needed."""
        self._free.append(place)

    def gather(self, places: np.ndarray, names: Collection[str]) -> dict[str, Any]:
        """name -> (n, *shape) of these columns, for places (n,), on the pool's device."""
        return self._columns.gather(places, names)
