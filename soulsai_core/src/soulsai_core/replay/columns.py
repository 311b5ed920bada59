"""Where rows lie: arrays in main memory. On a device they are tensors (`device`), behind the same methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from soulsai_core.messages import Arrays, ArraySpec


class Columns(ABC):
    """Named columns of so many slots."""

    @property
    @abstractmethod
    def bytes(self) -> int:
        """Memory that they take."""

    @abstractmethod
    def write(self, first: int, rows: Arrays) -> None:
        """Put name -> (n, *shape) into the slots from `first` on; names without a column are left out."""

    @abstractmethod
    def put(self, slots: np.ndarray, rows: Arrays) -> None:
        """Put name -> (n, *shape) into these slots (n,)."""

    @abstractmethod
    def gather(self, slots: np.ndarray, names: Collection[str]) -> dict[str, Any]:
        """name -> (*slots.shape, *shape) of these columns: copies where the columns are."""

    @abstractmethod
    def grow(self, slots: int) -> None:
        """Have so many slots from now on."""

    @abstractmethod
    def arrays(self, slots: np.ndarray) -> Arrays:
        """Copies of all columns in main memory, name -> (n, *shape)."""


class HostColumns(Columns):
    """Numpy arrays in main memory."""

    def __init__(self, slots: int, specs: Mapping[str, ArraySpec]) -> None:
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
        return {name: self._columns[name].take(slots, axis=0) for name in names}  # a third of an index's time

    def grow(self, slots: int) -> None:
        for name, column in self._columns.items():
            grown = np.zeros((slots, *column.shape[1:]), column.dtype)
            grown[: len(column)] = column
            self._columns[name] = grown

    def arrays(self, slots: np.ndarray) -> Arrays:
        return {name: column.take(slots, axis=0) for name, column in self._columns.items()}


def make_columns(slots: int, specs: Mapping[str, ArraySpec], device: str | None) -> Columns:
    """Tensors on a device; arrays in main memory without one. Torch is imported only for the former."""
    if device is None:
        return HostColumns(slots, specs)
    from soulsai_core.replay.device import DeviceColumns

    return DeviceColumns(slots, specs, device)
