"""Where the columns of a replay buffer lie: in main memory, or as tensors on a device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch

from soulsai_core import Arrays, ArraySpec


class Storage(ABC):
    """Preallocated columns of `capacity` rows."""

    @property
    @abstractmethod
    def bytes(self) -> int:
        """Memory of the columns once they are full."""

    @abstractmethod
    def write(self, first: int, rows: Arrays) -> None:
        """Put rows name -> (n, *shape) into the slots from `first` on; there are as many."""

    @abstractmethod
    def gather(self, slots: np.ndarray, names: Collection[str] | None = None) -> dict[str, Any]:
        """name -> (*slots.shape, *shape) of these columns, else of all: copies where the columns are."""

    @abstractmethod
    def arrays(self) -> Arrays:
        """name -> (capacity, *shape) in main memory; it may be the columns themselves."""


class HostStorage(Storage):
    """Numpy arrays in main memory."""

    def __init__(self, capacity: int, columns: Mapping[str, ArraySpec]) -> None:
        self._columns: Arrays = {name: np.zeros((capacity, *s.shape), s.dtype) for name, s in columns.items()}

    @property
    def bytes(self) -> int:
        return sum(column.nbytes for column in self._columns.values())

    def write(self, first: int, rows: Arrays) -> None:
        for name, column in self._columns.items():
            column[first : first + len(rows[name])] = rows[name]

    def gather(self, slots: np.ndarray, names: Collection[str] | None = None) -> dict[str, Any]:
        chosen = self._columns if names is None else names
        return {name: self._columns[name].take(slots, axis=0) for name in chosen}  # a third of an index's time

    def arrays(self) -> Arrays:
        return self._columns


class DeviceStorage(Storage):
    """Tensors on a device. What is written to a GPU goes through pinned memory, so that nobody waits for the copy."""

    def __init__(self, capacity: int, columns: Mapping[str, ArraySpec], device: torch.device) -> None:
        self._device, self._pinned = device, device.type == "cuda"
        self._columns = {
            name: torch.zeros((capacity, *spec.shape), dtype=_dtype(spec), device=device)
            for name, spec in columns.items()
        }

    @property
    def bytes(self) -> int:
        return sum(column.nbytes for column in self._columns.values())

    def write(self, first: int, rows: Arrays) -> None:
        for name, column in self._columns.items():
            sent = self._staged(rows[name], column.dtype)
            column[first : first + len(sent)].copy_(sent, non_blocking=True)

    def gather(self, slots: np.ndarray, names: Collection[str] | None = None) -> dict[str, Any]:
        index = self._staged(slots.ravel(), torch.int64).to(self._device, non_blocking=True)
        chosen = {name: self._columns[name] for name in (self._columns if names is None else names)}
        return {name: c.index_select(0, index).view(*slots.shape, *c.shape[1:]) for name, c in chosen.items()}

    def arrays(self) -> Arrays:
        return {name: column.cpu().numpy() for name, column in self._columns.items()}

    def _staged(self, rows: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
        """A copy; torch keeps a pinned one until the device has read it."""
        staged = torch.empty(rows.shape, dtype=dtype, pin_memory=self._pinned)
        staged.numpy()[...] = rows
        return staged


def make_storage(capacity: int, columns: Mapping[str, ArraySpec], device: torch.device | None) -> Storage:
    """Tensors on a device; arrays in main memory without one."""
    return HostStorage(capacity, columns) if device is None else DeviceStorage(capacity, columns, device)


def _dtype(spec: ArraySpec) -> torch.dtype:
    return torch.from_numpy(np.zeros(0, spec.dtype)).dtype
