"""Replay of image stacks that keeps each frame once: stacks are built when rows are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import torch

from soulsai_core import Arrays, ArraySpec, CheckpointError
from soulsai_dqn.config import PriorityConfig
from soulsai_dqn.features import IMAGE
from soulsai_dqn.frame_index import FrameIndex
from soulsai_dqn.prioritized import ERROR, PrioritizedReplay
from soulsai_dqn.replay import Draw, ReplayBuffer, row_bytes

STREAMS = "streams"
ROUTES = frozenset({"env", "number", "age", "span", ERROR})
"""Columns of samples that say how rows hang together; they are not kept as such."""


class FrameReplay(PrioritizedReplay):
    """A ring of rows with one frame each. Draws have "image" and "next_image", stacks of frames along the channels.

    A row can be drawn while all frames of its stack are there, and the row that it is bootstrapped from with its own;
    the others have priority 0. Without `config` all that can be drawn are alike.

    Args:
        capacity: rows kept.
        columns: name -> spec of one row, with one frame in "image".
        stack: frames in a stack.
        config: None for uniform draws.
        device: where the columns lie as tensors; None: as arrays in main memory.
    """

    def __init__(
        self,
        capacity: int,
        columns: Mapping[str, ArraySpec],
        stack: int,
        config: PriorityConfig | None,
        device: torch.device | None = None,
    ) -> None:
        kept = {name: spec for name, spec in columns.items() if name not in ROUTES}
        super().__init__(capacity, kept, config or PriorityConfig(alpha=0), device)
        self._uniform, self._stack = config is None, stack
        self._index = FrameIndex(capacity, stack)
        self._first_priority = np.zeros(capacity)
        self._usable = np.zeros(capacity, np.bool_)

    @property
    def bytes(self) -> int:
        return super().bytes + self._index.bytes + self._first_priority.nbytes + self._usable.nbytes

    @property
    def drawn_bytes(self) -> int:
        return super().drawn_bytes + (2 * self._stack - 1) * row_bytes(self._specs[IMAGE])

    def __len__(self) -> int:
        """Rows that can be drawn."""
        return int(np.count_nonzero(self._usable))

    def append(self, rows: Arrays, client: str = "") -> None:
        """Append rows of a client, in the order of time within each of its environments."""
        for start in range(0, len(rows["number"]), self.capacity):
            self._append({name: column[start : start + self.capacity] for name, column in rows.items()}, client)

    def _append(self, rows: Arrays, client: str) -> None:
        count, first = len(rows["number"]), self._count
        slots = (self._next + np.arange(count)) % self.capacity
        self._close(slots)
        usable, late = self._index.enter(rows, client, slots, first)
        super().append(rows if ERROR in rows else {**rows, ERROR: np.zeros(count, np.float32)}, client)
        self._first_priority[slots] = self._tree[slots]
        self._set(slots[~usable], usable=False)
        self._usable[slots[usable]] = True
        self._set(late, usable=True)

    def _close(self, slots: np.ndarray) -> None:
        """These are about to be overwritten."""
        self._usable[slots] = False
        self._set(self._index.dependents(slots), usable=False)

    def _set(self, slots: np.ndarray, *, usable: bool) -> None:
        if len(slots):
            self._usable[slots] = usable
            self._tree.set(slots, self._first_priority[slots] if usable else np.zeros(len(slots)))

    def draw(self, rng: np.random.Generator, batches: int, batch_size: int, beta: float = 1.0) -> Draw:
        drawn = super().draw(rng, batches, batch_size, beta)
        if self._uniform:
            del drawn.columns["weight"]
        return drawn

    def update(self, draw: Draw, errors: np.ndarray) -> None:
        if not self._uniform:
            super().update(draw, errors)

    def _still_there(self, draw: Draw) -> np.ndarray:
        return super()._still_there(draw) & self._usable[draw.slots]

    def _gather(self, slots: np.ndarray) -> Draw:
        columns = self._storage.gather(slots, [name for name in self._specs if name != IMAGE])
        columns[IMAGE] = self._images(slots)
        columns[f"next_{IMAGE}"] = self._images(self._index.following(slots))
        return Draw(columns, slots, self._written.take(slots))

    def _images(self, slots: np.ndarray) -> Any:
        """Stacks (*slots.shape, stack * channels, height, width)."""
        frames = self._storage.gather(self._index.stacks(slots), [IMAGE])[IMAGE]
        return frames.reshape(*slots.shape, -1, *frames.shape[-2:])

    def forget(self, present: frozenset[str]) -> None:
        self._index.forget(present)

    def save(self) -> Arrays:
        slots = np.arange(self._oldest, self._oldest + self._size) % self.capacity
        routes = {"back": self._index.back[slots], "ahead": self._index.ahead[slots]}
        kept = {"first_priority": self._first_priority[slots], STREAMS: self._index.save(self._count)}
        return {**super().save(), **routes, **kept}

    def load(self, rows: Arrays) -> None:
        rows = dict(rows)
        try:
            extra = {name: rows.pop(name) for name in ("back", "ahead", "first_priority", STREAMS)}
        except KeyError as error:
            raise CheckpointError(
                "The replay buffer of this checkpoint does not keep frames once: set frame_stack as it was."
            ) from error
        if self._uniform:
            rows["priority"] = (rows["priority"] > 0).astype(np.float64)
        super().load(rows)
        kept = slice(len(extra["back"]) - self._size, None)
        whole = self._index.restore(extra["back"][kept], extra["ahead"][kept])
        try:
            self._index.load(extra[STREAMS], self._count)
        except msgspec.DecodeError as error:
            raise CheckpointError(f"The replay buffer of this checkpoint cannot be read: {error}.") from error
        self._first_priority[: self._size] = extra["first_priority"][kept]
        slots = np.arange(self._size)
        self._usable[:] = False
        self._usable[: self._size] = whole & (self._tree[slots] > 0)
        self._set(slots[~self._usable[: self._size]], usable=False)

    def _put_back(self, rows: Arrays) -> None:
        ReplayBuffer.append(self, rows)
