"""Rows beside a ring: what only few of its rows have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from soulsai_core.messages import Arrays, ArraySpec
from soulsai_core.replay.columns import make_columns

_FIRST_SLOTS = 64


class Pool:
    """Rows that are put in and freed one by one; it grows as needed."""

    def __init__(self, specs: Mapping[str, ArraySpec], device: str | None) -> None:
        self._columns = make_columns(_FIRST_SLOTS, specs, device)
        self._slots = _FIRST_SLOTS
        self._free = list(range(_FIRST_SLOTS))

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return self._columns.bytes

    def put(self, rows: Arrays, count: int) -> list[int]:
        """Keep name -> (count, *shape); returns where each lies."""
        while len(self._free) < count:
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
        """This row is needed no more."""
        self._free.append(place)

    def gather(self, places: np.ndarray, names: Collection[str]) -> dict[str, Any]:
        """name -> (n, *shape) of these places (n,)."""
        return self._columns.gather(places, names)

    def arrays(self, places: np.ndarray) -> Arrays:
        """Likewise all columns, in main memory."""
        return self._columns.arrays(places)
