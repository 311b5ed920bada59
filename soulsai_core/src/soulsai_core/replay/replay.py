"""Experience replay (Lin 1992): one storage of steps, read in the way that the learner chooses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from soulsai_core.errors import CheckpointError
from soulsai_core.messages import Arrays, ArraySpec
from soulsai_core.replay.priorities import FirstError, Priorities, PriorityOptions
from soulsai_core.replay.reading import Reading
from soulsai_core.replay.sequences import SequenceReader
from soulsai_core.replay.store import StepStore
from soulsai_core.replay.transitions import Steps
from soulsai_core.steps import StepBatch

_REDRAWS = 16
_NUMBERS = np.arange(4096)


class Draw(NamedTuple):
    """What was drawn.

    Attributes:
        columns: name -> (batches, batch_size, *shape), and "weight" where the draw was prioritized; arrays, or tensors
            for what lies on a device.
        slots, numbers: int64 (batches, batch_size): where each row lies, and its number in the order of writing.
    """

    columns: dict[str, Any]
    slots: np.ndarray
    numbers: np.ndarray


class Replay:
    """Steps that are appended, drawn, saved and loaded.

    Args:
        capacity: rows kept; the oldest are overwritten.
        columns: name -> spec of one row, as the learner keeps it. "reward" is among them, and "duration" where steps
            have one.
        observed: names of those that `StepBatch.after` has: the parts of the observation, and "mask".
        reading: how rows are read; None: as n-step transitions (`Steps`).
        priorities: None: draws are uniform.
        first_error: the error of a row that was never drawn, by its client's columns "value" and "best".
        device: where rows lie as tensors; None: as arrays in main memory.
    """

    def __init__(
        self,
        capacity: int,
        columns: Mapping[str, ArraySpec],
        observed: Collection[str],
        *,
        reading: Reading | None = None,
        priorities: PriorityOptions | None = None,
        first_error: FirstError | None = None,
        device: str | None = None,
    ) -> None:
        self.capacity = capacity
        self.device_type = "cpu" if device is None else device.partition(":")[0]
        self._store = StepStore(capacity, columns, observed, device)
        self._reader = (reading or Steps()).reader(self._store)
        self._priorities = None if priorities is None else Priorities(capacity, priorities, first_error)
        self._drawable = 0

    @property
    def rows(self) -> int:
        """Rows that it holds."""
        return self._store.size

    def __len__(self) -> int:
        """Rows, or beginnings of sequences, that can be drawn."""
        return self._drawable

    @property
    def bytes(self) -> int:
        """Memory that it takes once it is full, but for what only few rows have."""
        return self._store.bytes + self._reader.bytes + (0 if self._priorities is None else self._priorities.bytes)

    @property
    def drawn_bytes(self) -> int:
        """Memory of a row that was drawn."""
        return self._reader.drawn_bytes

    # -- appending

    def append(self, steps: StepBatch, client: str, gamma: float = 1.0) -> None:
        """Append steps of a client, in the order in which it made them; of more than the capacity the last are kept.
        `gamma` is for first priorities."""
        steps = steps.part(len(steps) - self.capacity, len(steps))
        room = self.capacity - self._store.count % self.capacity
        if len(steps) > room:  # a part does not reach over the end of the ring
            self._append(steps.part(0, room), client, gamma)
            steps = steps.part(room, len(steps))
        if len(steps):
            self._append(steps, client, gamma)

    def _append(self, steps: StepBatch, client: str, gamma: float) -> None:
        slot = self._store.count % self.capacity
        room = _slots(slot, len(steps))
        full = self._store.size + len(steps) > self.capacity
        gone = self._remove(self._reader.overwriting(room)) if full else _NUMBERS[:0]
        followed = self._store.append(steps, client)
        if self._priorities is not None:
            self._priorities.appended(self._store, slot, steps, followed, gamma)
        self._add(self._reader.appended(room, steps, client), followed)
        if self._priorities is not None and len(gone):  # most of these slots have just got new priorities
            self._priorities.remove(gone[~self._reader.usable[gone]])

    def _add(self, slots: np.ndarray, followed: Collection[int] = ()) -> None:
        """These can be drawn from now on."""
        self._reader.usable[slots] = True
        self._drawable += len(slots)
        if self._priorities is None:
            return
        if isinstance(self._reader, SequenceReader):
            errors = self._reader.first_errors(slots, self._priorities.errors, self._priorities.largest)
            self._priorities.set(slots, errors)
            return
        self._priorities.set(slots, self._priorities.known(slots))
        if followed:
            before = np.array(followed, np.int64) % self.capacity
            before = before[self._reader.usable[before]]
            self._priorities.set(before, self._priorities.known(before))

    def _remove(self, slots: np.ndarray) -> np.ndarray:
        """These cannot be drawn any more; returns those that could be until now. Their priorities are left."""
        usable = self._reader.usable
        there = usable[slots]
        slots = slots if there.all() else slots[there]
        usable[slots] = False
        self._drawable -= len(slots)
        return slots

    def forget(self, present: Collection[str]) -> None:
        """No more rows of other clients than these will follow."""
        self._add(self._reader.forgotten(self._store.forget(present)))

    # -- drawing

    def draw(
        self,
        rng: np.random.Generator,
        batches: int,
        batch_size: int,
        *,
        n_step: int = 1,
        gamma: float,
        beta: float = 1.0,
    ) -> Draw:
        """Draw minibatches with replacement; one gather serves them all. What is drawn is the age of a row, not its
        slot: a replay that was loaded draws the same.

        Args:
            n_step: rewards in a return.
            gamma: discount of one step.
            beta: exponent of the correction for priorities.
        """
        if self._priorities is None:
            slots = self._uniform(rng, (batches, batch_size))
        else:
            slots = self._priorities.draw(rng, batches, batch_size, self._oldest)
        columns = self._reader.read(slots, n_step, gamma)
        if self._priorities is not None:
            columns["weight"] = self._priorities.weights(slots, len(self), beta)
        return Draw(columns, slots, self._store.numbers(slots))

    def read(self, slots: np.ndarray, *, n_step: int = 1, gamma: float) -> dict[str, Any]:
        """The columns of rows in these slots, as `draw` gives them."""
        return self._reader.read(slots, n_step, gamma)

    def drawable(self) -> np.ndarray:
        """Slots of all rows that can be drawn, the oldest first."""
        slots = np.flatnonzero(self._reader.usable)
        oldest = self._oldest
        return np.concatenate([slots[slots >= oldest], slots[slots < oldest]])

    def _uniform(self, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        """Rows of random age; those that cannot be drawn are drawn again, unless they are many."""
        if 2 * self._drawable < self._store.size:
            slots = self.drawable()
            return slots[rng.integers(0, len(slots), shape)]
        slots = (self._oldest + rng.integers(0, self._store.size, shape)) % self.capacity
        if self._drawable == self._store.size:
            return slots
        for _ in range(_REDRAWS):
            wrong = ~self._reader.usable[slots]
            count = int(np.count_nonzero(wrong))
            if not count:
                return slots
            slots[wrong] = (self._oldest + rng.integers(0, self._store.size, count)) % self.capacity
        wrong = ~self._reader.usable[slots]
        rest = self.drawable()
        slots[wrong] = rest[rng.integers(0, len(rest), int(np.count_nonzero(wrong)))]
        return slots

    def update(self, draw: Draw, errors: np.ndarray) -> None:
        """The rows drawn have absolute errors (batches, batch_size) now; those that were overwritten since are left
        out. Without priorities nothing depends on them."""
        if self._priorities is None:
            return
        there = (self._store.numbers(draw.slots) == draw.numbers) & self._reader.usable[draw.slots]
        self._priorities.set(draw.slots[there], errors[there])

    @property
    def _oldest(self) -> int:
        """Slot of the oldest row."""
        return self._store.oldest % self.capacity

    # -- keeping

    def save(self) -> Arrays:
        """Everything in it, the oldest row first."""
        slots = np.arange(self._store.oldest, self._store.count) % self.capacity
        saved = self._store.save() | {"usable": self._reader.usable[slots]} | self._reader.save(slots)
        if self._priorities is not None:
            saved |= self._priorities.save(slots)
        return saved

    def load(self, saved: Arrays) -> None:
        """Replace the content by what was saved; of more rows than the capacity the newest are kept. Raises
        CheckpointError if it does not fit."""
        try:
            left_out = max(len(saved["usable"]) - self.capacity, 0)
            self._store.load(saved)
            slots = np.arange(self._store.oldest, self._store.count) % self.capacity
            usable = saved["usable"] & self._reader.intact(saved, left_out)
            self._reader.load(saved, slots, left_out)
            self._reader.usable[:] = False
            self._reader.usable[slots] = usable[left_out:]
            self._drawable = int(np.count_nonzero(usable[left_out:]))
            if self._priorities is not None:
                self._load_priorities(saved, slots, left_out)
        except (KeyError, ValueError, TypeError) as error:
            raise CheckpointError(
                f"The replay buffer of this checkpoint does not fit this training: {error}"
            ) from error

    def _load_priorities(self, saved: Arrays, slots: np.ndarray, left_out: int) -> None:
        assert self._priorities is not None
        names = ("priority", "first_error", "value")
        if "priority" in saved:
            kept = {name: saved[name][left_out:] for name in names} | {"largest": saved["largest"]}
            kept["priority"] = np.where(self._reader.usable[slots], kept["priority"], 0.0)
            self._priorities.load(kept, slots)
        else:  # saved by a uniform one: all are alike
            drawable = self.drawable()
            self._priorities.set(drawable, np.full(len(drawable), self._priorities.largest))


def _slots(first: int, count: int) -> np.ndarray:
    """int64 (count,) from `first` on. An addition, unlike `arange`, does not let the receiving thread go first, which
    would cost more than the rest of a message."""
    return _NUMBERS[:count] + first if count <= len(_NUMBERS) else np.arange(first, first + count)
