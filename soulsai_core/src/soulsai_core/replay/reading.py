"""What all ways of reading have in common: which rows can be drawn, and what is made of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from soulsai_core.messages import Arrays
from soulsai_core.replay.store import StepStore
from soulsai_core.steps import StepBatch

NONE = np.zeros(0, np.int64)


class Reader(ABC):
    """Reads a store in one way.

    Attributes:
        usable: bool (capacity,), the slots that can be drawn.
    """

    def __init__(self, store: StepStore) -> None:
        self.store = store
        self.usable = np.zeros(store.capacity, np.bool_)

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return self.usable.nbytes

    @property
    @abstractmethod
    def drawn_bytes(self) -> int:
        """Memory of one row that was drawn."""

    def overwriting(self, slots: np.ndarray) -> np.ndarray:
        """These slots are about to be overwritten. Returns those that cannot be drawn any more because of it."""
        return slots

    @abstractmethod
    def appended(self, slots: np.ndarray, steps: StepBatch, client: str) -> np.ndarray:
        """The steps were written to these slots (rows,), one after the other. Returns the slots that can be drawn from
        now on."""

    def forgotten(self, streams: list[tuple[str, int]]) -> np.ndarray:
        """Nothing more will come of these (client, stream). Returns the slots that can be drawn from now on."""
        return NONE

    @abstractmethod
    def read(self, slots: np.ndarray, n_step: int, gamma: float) -> dict[str, Any]:
        """The columns that are learned from, name -> (*slots.shape, ...)."""

    def save(self, slots: np.ndarray) -> Arrays:
        """What it knows beside the store and `usable`, of these slots (n,) and in general."""
        return {}

    def intact(self, saved: Arrays, left_out: int) -> np.ndarray:
        """bool (n,) for n rows that were saved: can be read though the first `left_out` of them are not there."""
        return np.ones(len(saved["usable"]), np.bool_)

    def load(self, saved: Arrays, slots: np.ndarray, left_out: int) -> None:  # noqa: B027 - there may be nothing
        """Go on with what was saved, without the first `left_out` rows; the others lie in `slots`."""


class Reading(ABC):
    """A way of reading, as it is chosen."""

    @abstractmethod
    def reader(self, store: StepStore) -> Reader:
        """One for this store."""
