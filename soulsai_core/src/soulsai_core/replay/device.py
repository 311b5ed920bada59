"""Columns of rows as tensors on a device: minibatches are then gathered where the network computes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch

from soulsai_core.messages import Arrays, ArraySpec
from soulsai_core.replay.columns import Columns


class DeviceColumns(Columns):
    """Tensors on a device.

    What is written to a GPU is first copied into pinned (page-locked) memory. Only from there can the GPU copy by
    itself, so that the calling thread goes on at once. All copies and gathers are queued in the same stream, in which
    a gather therefore sees the rows written before it.
    """

    def __init__(self, slots: int, specs: Mapping[str, ArraySpec], device: str) -> None:
        self._device = torch.device(device)
        self._pinned = self._device.type == "cuda"
        self._columns = {
            name: torch.zeros((slots, *spec.shape), dtype=_dtype(spec), device=self._device)
            for name, spec in specs.items()
        }

    @property
    def bytes(self) -> int:
        return sum(column.nbytes for column in self._columns.values())

    def write(self, first: int, rows: Arrays) -> None:
        for name, column in self._columns.items():
            staged = self._staged(rows[name], column.dtype)
            column[first : first + len(staged)].copy_(staged, non_blocking=True)

    def put(self, slots: np.ndarray, rows: Arrays) -> None:
        index = self._index(slots)
        for name, column in self._columns.items():
            column[index] = self._staged(rows[name], column.dtype).to(self._device, non_blocking=True)

    def gather(self, slots: np.ndarray, names: Collection[str]) -> dict[str, Any]:
        index = self._index(slots.ravel())
        chosen = {name: self._columns[name] for name in names}
        return {name: c.index_select(0, index).view(*slots.shape, *c.shape[1:]) for name, c in chosen.items()}

    def grow(self, slots: int) -> None:
        for name, column in self._columns.items():
            grown = column.new_zeros((slots, *column.shape[1:]))
            grown[: len(column)] = column
            self._columns[name] = grown

    def _index(self, slots: np.ndarray) -> torch.Tensor:
        return self._staged(slots, torch.int64).to(self._device, non_blocking=True)

    def _staged(self, rows: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
        """A copy in main memory, pinned for a GPU. Torch reuses pinned memory only once the device has read it, so the
        caller need not wait for the transfer."""
        staged = torch.empty(rows.shape, dtype=dtype, pin_memory=self._pinned)
        staged.numpy()[...] = rows
        return staged


def _dtype(spec: ArraySpec) -> torch.dtype:
    return torch.from_numpy(np.zeros(0, spec.dtype)).dtype
