"""Rows read as n-step transitions (Sutton 1988)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from soulsai_core.replay.reading import Reader, Reading
from soulsai_core.replay.store import StepStore
from soulsai_core.steps import DURATION, REWARD, End, StepBatch

_TERMINATED = int(End.TERMINATED)


class Returns(NamedTuple):
    """n-step returns of rows.

    Attributes:
        reward: float32, the discounted sum of the rewards.
        discount: float32, gamma to the number of these rewards, or to their durations; 0 where the episode terminated.
        last: the slot of the row whose reward is the last in the sum; the return is bootstrapped from what followed it.
    """

    reward: np.ndarray
    discount: np.ndarray
    last: np.ndarray


def returns(store: StepStore, slots: np.ndarray, n: int, gamma: float) -> Returns:
    """A return ends at the first of: n steps, an end of the episode, a break, before a discarded row, the newest row.
    At a truncation it is bootstrapped (Pardo et al. 2018, Time Limits in Reinforcement Learning, section 3).

    All rows advance together, one reward in each round. A return that has ended stays on its last row.
    """
    total = store.reward.take(slots)
    discount = step_discounts(store, slots, gamma)
    last = slots
    for _ in range(n - 1):
        following = store.next_slots(last)
        if store.has_discarded:
            following = np.where(store.discarded(following), last, following)
        goes_on = following != last  # a return that has ended ends there again in the next round
        if not goes_on.any():
            break
        total += discount * (store.reward.take(following) * goes_on)
        factor = np.float32(gamma) if store.duration is None else step_discounts(store, following, gamma)
        discount = np.where(goes_on, discount * factor, discount)
        last = following
    # Only behind a termination there is no value. All other ends bootstrap.
    discount *= store.ends(last) != _TERMINATED
    return Returns(total, discount, last)


def step_discounts(store: StepStore, slots: np.ndarray, gamma: float) -> np.ndarray:
    """float32, the discount of one step for each of these rows: gamma, or gamma to its duration."""
    if store.duration is None:
        return np.full(slots.shape, gamma, np.float32)
    return np.power(np.float32(gamma), store.duration.take(slots))


class TransitionReader(Reader):
    """Each row that is not discarded is a transition, as soon as it is there: a return that is still shorter than n is
    bootstrapped where it ends, and gets longer as rows come."""

    @property
    def drawn_bytes(self) -> int:
        observed = sum(row_bytes(self.store, name) for name in self.store.observed)
        return observed + sum(row_bytes(self.store, name) for name in self.store.specs)

    def appended(self, slots: np.ndarray, steps: StepBatch, client: str) -> np.ndarray:
        return slots[~self.store.discarded(slots)] if self.store.has_discarded else slots

    def read(self, slots: np.ndarray, n_step: int, gamma: float) -> dict[str, Any]:
        found = returns(self.store, slots, n_step, gamma)
        columns = self._columns(slots, self._single(self.store.names))
        columns |= {REWARD: found.reward, "discount": found.discount}
        if self.store.duration is not None:
            columns[DURATION] = self.store.duration[slots]
        following = self._following(found.last, self._single(self.store.observed))
        return columns | {f"next_{name}": rows for name, rows in following.items()}

    def _single(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those of these columns that are read as they are stored."""
        return names

    def _columns(self, slots: np.ndarray, names: Collection[str]) -> dict[str, Any]:
        return self.store.gather(slots, names)

    def _following(self, slots: np.ndarray, names: Collection[str]) -> dict[str, Any]:
        return self.store.following(slots, names)


@dataclass(frozen=True, slots=True)
class Steps(Reading):
    """One row is one n-step transition: all stored columns, "reward" with the n-step sum, "discount", and "next_<name>"
    of each observed column."""

    def reader(self, store: StepStore) -> Reader:
        return TransitionReader(store)


def row_bytes(store: StepStore, name: str) -> int:
    """Memory of one row of a column."""
    spec = store.specs[name]
    return int(np.prod(spec.shape, dtype=np.int64)) * np.dtype(spec.dtype).itemsize
