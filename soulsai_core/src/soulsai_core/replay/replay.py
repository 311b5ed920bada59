"""Experience replay (Lin 1992): one storage of steps, read in the way that the learner chooses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
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

# Draws of uniform rows are repeated this often for those that cannot be drawn. At least half of the rows can be, so
# all are found by then but for one row in 65,000.
_REDRAWS = 16

# Consecutive numbers, ready for messages of the usual sizes (see `_consecutive`).
_NUMBERS = np.arange(4096)


class Draw(NamedTuple):
    """What was drawn.

    Attributes:
        columns: name -> (batches, batch_size, *shape), and "weight" if the draw was prioritized; arrays, or tensors for
            columns that lie on a device.
        slots, numbers: int64 (batches, batch_size), where each row lies, and its number in the order of writing, by
            which `update` notices that it was overwritten.
    """

    columns: dict[str, Any]
    slots: np.ndarray
    numbers: np.ndarray


class Replay:
    """Steps that are appended, drawn, saved and loaded.

    Args:
        capacity: rows stored; the oldest are overwritten.
        columns: name -> spec of one row, as the learner stores it. "reward" is among them, and "duration" where steps
            have one.
        observed: names of those that `StepBatch.after` has: the parts of the observation, and "mask".
        reading: how rows are read; None: as n-step transitions (`Steps`).
        priorities: options of prioritized draws; None: draws are uniform.
        first_error: gives the error of a row that was never drawn, by its client's columns "value" and "best".
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
        self._new_store = partial(StepStore, capacity, columns, observed, device)
        self._reading = reading or Steps()
        self._new_priorities = None if priorities is None else partial(Priorities, capacity, priorities, first_error)
        self._saved: Arrays | None = None
        self._clear()

    def _clear(self) -> None:
        self._store = self._new_store()
        self._reader = self._reading.reader(self._store)
        self._priorities = None if self._new_priorities is None else self._new_priorities()
        self._drawable = 0

    @property
    def rows(self) -> int:
        """Rows that are stored."""
        return self._store.size

    def __len__(self) -> int:
        """Rows, or beginnings of sequences, that can be drawn."""
        return self._drawable

    @property
    def bytes(self) -> int:
        """Memory of the replay once it is full; pools of what only some rows have count with their present size."""
        return self._store.bytes + self._reader.bytes + (0 if self._priorities is None else self._priorities.bytes)

    @property
    def drawn_bytes(self) -> int:
        """Memory of a row, or a sequence, that was drawn."""
        return self._reader.drawn_bytes

    # -- appending

    def append(self, steps: StepBatch, client: str, gamma: float = 1.0) -> None:
        """Append steps of a client, in the order in which it made them; of more than the capacity the last are stored.
        `gamma` is the discount of first errors."""
        steps = steps.part(len(steps) - self.capacity, len(steps))
        # In two parts at the end of the ring: each part's slots are then a slice.
        room = self.capacity - self._store.count % self.capacity
        if len(steps) > room:
            self._append(steps.part(0, room), client, gamma)
            steps = steps.part(room, len(steps))
        if len(steps):
            self._append(steps, client, gamma)

    def _append(self, steps: StepBatch, client: str, gamma: float) -> None:
        slot = self._store.count % self.capacity
        slots = _consecutive(slot, len(steps))
        overwrites = self._store.size + len(steps) > self.capacity
        # The order matters: the reader follows the links of old rows, which the store is about to overwrite.
        removed = self._remove(self._reader.overwriting(slots)) if overwrites else _NUMBERS[:0]
        followed = self._store.append(steps, client)
        if self._priorities is not None:
            self._priorities.appended(self._store, slot, steps, followed, gamma)
        self._add(self._reader.appended(slots, steps, client), followed)
        # Only now, since most of these slots have just got the priorities of new rows.
        if self._priorities is not None and len(removed):
            self._priorities.remove(removed[~self._reader.usable[removed]])

    def _add(self, slots: np.ndarray, followed: Collection[int] = ()) -> None:
        """These slots can be drawn from now on. Earlier rows with the numbers `followed` got their successors, and with
        them their first errors."""
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
        """These slots cannot be drawn any more; returns those that could be until now. Priorities are not changed."""
        usable = self._reader.usable
        there = usable[slots]
        if np.count_nonzero(there) < len(slots):  # counting takes a tenth of the time of `all`
            slots = slots[there]
        usable[slots] = False
        self._drawable -= len(slots)
        return slots

    def forget(self, present: Collection[str]) -> None:
        """No more rows will come, except of these clients."""
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
        """Draw minibatches with replacement. One gather serves them all.

        The random numbers choose a row by its age, not by its slot: a run that was resumed draws what it would have
        drawn.

        Args:
            n_step: rewards in a return.
            gamma: discount of one step.
            beta: exponent of the importance weights that correct for priorities.
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
        """Slots of rows of random age. Where most rows can be drawn, drawing again replaces a list of them; finding
        them all would take longer than the draw."""
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
        """Give the rows of a draw the priorities of their new absolute errors (batches, batch_size). Rows that were
        overwritten since are left out. Nothing happens where draws are uniform."""
        if self._priorities is None:
            return
        same_row = self._store.numbers(draw.slots) == draw.numbers
        there = same_row & self._reader.usable[draw.slots]
        self._priorities.set(draw.slots[there], errors[there])

    @property
    def _oldest(self) -> int:
        """Slot of the oldest row."""
        return self._store.oldest % self.capacity

    # -- saving and loading

    def save(self) -> Arrays:
        """What is needed to fill it again, but for the rows: they are appended again, after `load`."""
        saved = self._store.save() | self._reader.save() | {"usable": self._store.in_order(self._reader.usable)}
        return saved if self._priorities is None else saved | self._priorities.save(self._store)

    def load(self, saved: Arrays) -> None:
        """Begin to fill it again: `reach` rows are appended next, then `restored` is called. Raises CheckpointError if
        what was saved is not of a replay."""
        try:
            count, size = (int(number) for number in saved["count"])
        except (KeyError, ValueError) as error:
            raise CheckpointError(f"The replay buffer of this checkpoint cannot be read: {error}") from error
        if self._store.count:
            self._clear()
        # Rows keep their numbers, and with them their slots.
        self._store.count = count - min(size, self.capacity)
        self._saved = saved

    @property
    def reach(self) -> int:
        """Rows that it needs to be filled again: those in it, or after `load` those that were."""
        return self._store.size if self._saved is None else min(int(self._saved["count"][1]), self.capacity)

    def restored(self, *, complete: bool) -> None:
        """The rows are there again. Unless all of them are, the others keep the priorities of new rows.

        Raises CheckpointError if what was saved does not fit this training.
        """
        saved = self._saved
        self._saved = None
        if saved is None or not complete:
            return
        try:
            self._restore(saved)
        except (KeyError, ValueError, TypeError) as error:
            raise CheckpointError(
                f"The replay buffer of this checkpoint does not fit this training: {error}"
            ) from error

    def _restore(self, saved: Arrays) -> None:
        self._store.load(saved)
        self._reader.load(saved)
        slots = self._store.slots_in_order()
        usable = saved["usable"][len(saved["usable"]) - len(slots) :] & self._reader.intact(slots)
        self._reader.usable[slots] = usable
        self._drawable = int(np.count_nonzero(usable))
        if self._priorities is None:
            return
        if "priority" in saved:
            self._priorities.load(saved, slots, self._reader.usable[slots])
        else:  # saved by a replay with uniform draws: all rows are alike
            drawable = self.drawable()
            self._priorities.set(drawable, np.full(len(drawable), self._priorities.largest))


def _consecutive(first: int, count: int) -> np.ndarray:
    """int64 (count,), the numbers from `first` on."""
    # `np.arange` releases the interpreter's lock. The receiving thread would take it, and getting it back would cost
    # more than all the rest that is done for a message; a short addition keeps it.
    return _NUMBERS[:count] + first if count <= len(_NUMBERS) else np.arange(first, first + count)
