"""Rows read with stacks of frames (Mnih et al. 2015 stack 4). Each frame is stored once, and is in several stacks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from soulsai_core.replay.reading import NONE, Reader, Reading
from soulsai_core.replay.store import START_FLAG, StepStore, replace_rows
from soulsai_core.replay.transitions import TransitionReader, row_bytes
from soulsai_core.steps import ROWS, StepBatch


class FrameStacks:
    """Finds the frames of each row. An episode's first frame fills its first stacks, as gymnasium's
    FrameStackObservation does; a stack that would reach over a break, or behind the oldest row, is not whole.

    Whether a stack is whole is noted when its row is written, and corrected when a frame of it is overwritten: walking
    back from each row at each draw would cost more than the draw.

    Attributes:
        depth: uint16 (capacity,), frames before a row's own that its stack can have; `stack` - 1 makes it whole.
    """

    def __init__(self, store: StepStore, stack: int, image: str) -> None:
        self.stack = stack
        self.image = image
        self.depth = np.zeros(store.capacity, np.uint16)
        self._store = store

    def whole(self, slots: np.ndarray) -> np.ndarray:
        """Whether all frames of the stacks of these rows are there."""
        return self.depth[slots] == self.stack - 1

    def appended(self, slot: int, steps: StepBatch) -> None:
        """The steps were written to the slots from `slot` on."""
        full = self.stack - 1
        for rows in steps.segments[:, ROWS].tolist():
            first = self._first_depth(slot)
            self.depth[slot : slot + rows] = full if first == full else np.minimum(first + np.arange(rows), full)
            slot += rows

    def _first_depth(self, slot: int) -> int:
        """Depth of the first row of a segment."""
        store = self._store
        full = self.stack - 1
        if store.flags[slot] & START_FLAG:
            return full
        back = int(store.back[slot])
        return min(int(self.depth[(slot - back) % store.capacity]) + 1, full) if back else 0

    def overwriting(self, slots: np.ndarray) -> np.ndarray:
        """Slots of later rows whose stacks have one of these frames; they are not whole any more."""
        store = self._store
        found = [NONE]
        for left in range(self.stack - 1):
            slots = store.next_slots(slots[store.ahead[slots] > 0])
            # The first row that is left has no frame before it, the next one has one, and so on. Rows that are yet to
            # come count on from there, and may be whole.
            self.depth[slots] = np.minimum(self.depth[slots], left)
            found.append(slots)
        return np.unique(np.concatenate(found))

    def slots(self, slots: np.ndarray) -> np.ndarray:
        """Slots of the frames (*slots.shape, stack), the oldest first."""
        store = self._store
        frames = np.empty((*slots.shape, self.stack), np.int64)
        # A start has no row before it, so its distance 0 repeats its own frame.
        for k in reversed(range(self.stack)):
            frames[..., k] = slots
            slots = (slots - store.back[slots]) % store.capacity
        return frames

    def of(self, slots: np.ndarray) -> Any:
        """Stacks (*slots.shape, stack * channels, height, width) of these rows."""
        return self._joined(self._store.gather(self.slots(slots), [self.image])[self.image], slots.ndim)

    def following(self, slots: np.ndarray) -> Any:
        """Stacks of what followed these rows, in the shape of `of`. After a termination they have no meaning."""
        store = self._store
        found = self.of(store.next_slots(slots))
        pooled = np.flatnonzero(store.ahead[slots].ravel() < 0)
        if len(pooled):
            replace_rows(found, slots.ndim, pooled, self.after(slots.ravel()[pooled]))
        return found

    def after(self, slots: np.ndarray) -> Any:
        """Stacks of what followed these rows (n,), where its frame is in the pool: the row's own stack moved on by
        one."""
        frame = self._store.after(slots, [self.image])[self.image]
        stacks = self._store.gather(self.slots(slots), [self.image])[self.image]
        # Torch refuses to copy between overlapping parts of a tensor; numpy makes the copy itself.
        stacks[:, :-1] = stacks[:, 1:] if isinstance(stacks, np.ndarray) else stacks[:, 1:].clone()
        stacks[:, -1] = frame
        return self._joined(stacks, 1)

    @staticmethod
    def _joined(frames: Any, dimensions: int) -> Any:
        """(*rows, stack, channels, height, width) becomes (*rows, stack * channels, height, width)."""
        return frames.reshape(*frames.shape[:dimensions], -1, *frames.shape[-2:])


class StackReader(TransitionReader):
    """Each row that is not discarded is a transition, if its stack is whole."""

    def __init__(self, store: StepStore, stack: int, image: str) -> None:
        super().__init__(store)
        self.stacks = FrameStacks(store, stack, image)

    @property
    def bytes(self) -> int:
        return super().bytes + self.stacks.depth.nbytes

    @property
    def drawn_bytes(self) -> int:
        return super().drawn_bytes + 2 * (self.stacks.stack - 1) * row_bytes(self.store, self.stacks.image)

    def overwriting(self, slots: np.ndarray) -> np.ndarray:
        return np.union1d(slots, self.stacks.overwriting(slots))

    def appended(self, slots: np.ndarray, steps: StepBatch, client: str) -> np.ndarray:
        self.stacks.appended(int(slots[0]), steps)
        slots = super().appended(slots, steps, client)
        return slots[self.stacks.whole(slots)]

    def intact(self, slots: np.ndarray) -> np.ndarray:
        return self.stacks.whole(slots) & super().intact(slots)

    def _single(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name != self.stacks.image)

    def _columns(self, slots: np.ndarray, names: Collection[str]) -> dict[str, Any]:
        return {**self.store.gather(slots, names), self.stacks.image: self.stacks.of(slots)}

    def _following(self, slots: np.ndarray, names: Collection[str]) -> dict[str, Any]:
        return {**self.store.following(slots, names), self.stacks.image: self.stacks.following(slots)}


@dataclass(frozen=True, slots=True)
class Stacks(Reading):
    """As `Steps`, with the columns `image` and "next_<image>" as stacks of `stack` frames along the channels."""

    stack: int
    image: str

    def reader(self, store: StepStore) -> Reader:
        return StackReader(store, self.stack, self.image)
