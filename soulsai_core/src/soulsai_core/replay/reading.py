"""What all ways of reading rows have in common: which rows can be drawn, and what is made of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from soulsai_core.messages import Arrays
from soulsai_core.replay.store import StepStore
from soulsai_core.steps import StepBatch

NONE = np.zeros(0, np.int64)


class Reader(ABC):
    """Reads a store in one way, and decides which of its rows can be drawn.

    The replay calls the reader at each change of the store. The methods return the slots that can be drawn from now on,
    or no longer; the replay updates `usable` accordingly.

    Attributes:
        usable: bool (capacity,), the slots that can be drawn.
    """

    def __init__(self, store: StepStore) -> None:
        self.store = store
        self.usable = np.zeros(store.capacity, np.bool_)

    @property
    def bytes(self) -> int:
        """Memory of the reader."""
        return self.usable.nbytes

    @property
    @abstractmethod
    def drawn_bytes(self) -> int:
        """Memory of one row, or one sequence, that was drawn."""

    def overwriting(self, slots: np.ndarray) -> np.ndarray:
        """Called before the rows in these slots are overwritten. Returns the slots that cannot be drawn any more
        because of it, these and others that need them."""
        return slots

    @abstractmethod
    def appended(self, slots: np.ndarray, steps: StepBatch, client: str) -> np.ndarray:
        """Called after steps were written to these consecutive slots (rows,). Returns the slots that can be drawn from
        now on."""

    def forgotten(self, streams: list[tuple[str, int]]) -> np.ndarray:
        """Called when no more rows of these (client, stream) will come. Returns the slots that can be drawn from now
        on."""
        return NONE

    @abstractmethod
    def read(self, slots: np.ndarray, n_step: int, gamma: float) -> dict[str, Any]:
        """The columns that are learned from, name -> (*slots.shape, ...)."""

    def save(self) -> Arrays:
        """What the reader knows beyond the store and `usable`, and the rows, appended again, do not tell."""
        return {}

    def intact(self, slots: np.ndarray) -> np.ndarray:
        """bool (n,), which of the rows in these slots (n,) lack nothing, although others may not have been brought
        back."""
        return np.ones(len(slots), np.bool_)

    def load(self, saved: Arrays) -> None:  # noqa: B027 - there may be nothing
        """Take over what was saved, once the rows are there again."""


class Reading(ABC):
    """A way of reading with its options, as a learner chooses it."""

    @abstractmethod
    def reader(self, store: StepStore) -> Reader:
        """A reader of this store."""
