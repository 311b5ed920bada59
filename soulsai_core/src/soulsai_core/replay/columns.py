"""Columns of rows: numpy arrays in main memory, or tensors on a device (`device`), behind the same methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from soulsai_core.messages import Arrays, ArraySpec


class Columns(ABC):
    """Named columns with a fixed number of slots, each for one row."""

    @property
    @abstractmethod
    def bytes(self) -> int:
        """Memory of all columns."""

    @abstractmethod
    def write(self, first: int, rows: Arrays) -> None:
        """Put name -> (n, *shape) into the n slots from `first` on; names without a column are ignored."""

    @abstractmethod
    def put(self, slots: np.ndarray, rows: Arrays) -> None:
        """Put name -> (n, *shape) into these slots (n,)."""

    @abstractmethod
    def gather(self, slots: np.ndarray, names: Collection[str]) -> dict[str, Any]:
        """name -> (*slots.shape, *shape) of these columns: copies, on the columns' device."""

    @abstractmethod
    def grow(self, slots: int) -> None:
        """Change the number of slots to a larger one; rows stay in their slots."""


class HostColumns(Columns):
    """Numpy arrays in main memory."""

    def __init__(self, slots: int, specs: Mapping[str, ArraySpec]) -> None:
        # Zeros, not `empty`: the system hands out such pages only once they are written to, so that a large buffer
        # takes memory as it fills.
        self._columns: Arrays = {name: np.zeros((slots, *spec.shape), spec.dtype) for name, spec in specs.items()}

    @property
    def bytes(self) -> int:
        return sum(column.nbytes for column in self._columns.values())

    def write(self, first: int, rows: Arrays) -> None:
        for name, column in self._columns.items():
            new = rows[name]
            column[first : first + len(new)] = new

    def put(self, slots: np.ndarray, rows: Arrays) -> None:
        for name, column in self._columns.items():
            column[slots] = rows[name]

    def gather(self, slots: np.ndarray, names: Collection[str]) -> dict[str, Any]:
        # `take` needs a third of the time of indexing with an array.
        return {name: self._columns[name].take(slots, axis=0) for name in names}

    def grow(self, slots: int) -> None:
        for name, column in self._columns.items():
            grown = np.zeros((slots, *column.shape[1:]), column.dtype)
            grown[: len(column)] = column
            self._columns[name] = grown


def make_columns(slots: int, specs: Mapping[str, ArraySpec], device: str | None) -> Columns:
    """Tensors on a device, or arrays in main memory without one."""
    if device is None:
        return HostColumns(slots, specs)
    # Imported here: algorithms that learn without torch use the replay, too.
    from soulsai_core.replay.device import DeviceColumns

    return DeviceColumns(slots, specs, device)
