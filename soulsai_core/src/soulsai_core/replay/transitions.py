"""Rows read as n-step transitions (Sutton 1988)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from soulsai_core.replay.reading import Reader, Reading
from soulsai_core.replay.store import StepStore
from soulsai_core.steps import DURATION, MASK, REWARD, End, StepBatch

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
        total += discount * (store.reward.take(following) * goes_on)
        factor = np.float32(gamma) if store.duration is None else step_discounts(store, following, gamma)
        discount = np.where(goes_on, discount * factor, discount)
        last = following
    # Only behind a termination there is no value. All other ends bootstrap.
    discount *= store.ends(last) != _TERMINATED
    return Returns(total, discount, last)


def returns_over_choices(store: StepStore, forced: np.ndarray, slots: np.ndarray, n: int, gamma: float) -> Returns:
    """Returns in which `n` counts rows with a choice: rows without one only add their rewards.

    What happens while only one action is valid depends on no choice, so a return over it is exact whatever policy made
    the rows (options: Sutton, Precup and Singh 1999). It ends before the next row with a choice once it has n of them,
    or for one of the other reasons of `returns`.

    Args:
        forced: bool (capacity,), the rows with one valid action.
    """
    shape = slots.shape
    last = slots.ravel().copy()
    total = store.reward.take(last)
    discount = step_discounts(store, last, gamma)
    left = np.full(last.shape, n - 1)
    active = np.arange(len(last))
    while len(active):
        before = last[active]
        following = store.next_slots(before)
        goes_on = following != before
        if store.has_discarded:
            goes_on &= ~store.discarded(following)
        chosen = ~forced.take(following)
        goes_on &= ~chosen | (left[active] > 0)
        # Only returns that go on are looked at again: most have ended after n rounds.
        active = active[goes_on]
        following = following[goes_on]
        left[active] -= chosen[goes_on]
        total[active] += discount[active] * store.reward.take(following)
        discount[active] *= step_discounts(store, following, gamma)
        last[active] = following
    discount *= store.ends(last) != _TERMINATED
    return Returns(total.reshape(shape), discount.reshape(shape), last.reshape(shape))


def step_discounts(store: StepStore, slots: np.ndarray, gamma: float) -> np.ndarray:
    """float32, the discount of one step for each of these rows: gamma, or gamma to its duration."""
    if store.duration is None:
        return np.full(slots.shape, gamma, np.float32)
    return np.power(np.float32(gamma), store.duration.take(slots))


class TransitionReader(Reader):
    """Each row that is not discarded is a transition, as soon as it is there: a return that is still shorter than n is
    bootstrapped where it ends, and gets longer as rows come."""

    def __init__(self, store: StepStore, choices: bool = False) -> None:
        super().__init__(store)
        self._forced = np.zeros(store.capacity, np.bool_) if choices and MASK in store.specs else None

    @property
    def bytes(self) -> int:
        return super().bytes + (0 if self._forced is None else self._forced.nbytes)

    @property
    def drawn_bytes(self) -> int:
        observed = sum(row_bytes(self.store, name) for name in self.store.observed)
        return observed + sum(row_bytes(self.store, name) for name in self.store.specs)

    def appended(self, slots: np.ndarray, steps: StepBatch, client: str) -> np.ndarray:
        usable = slots
        if self._forced is not None:
            self._forced[slots] = forced(steps.columns[MASK])
            usable = usable[~self._forced[usable]]
        return usable[~self.store.discarded(usable)] if self.store.has_discarded else usable

    def intact(self, slots: np.ndarray) -> np.ndarray:
        return super().intact(slots) if self._forced is None else ~self._forced[slots]

    def read(self, slots: np.ndarray, n_step: int, gamma: float) -> dict[str, Any]:
        if self._forced is None:
            found = returns(self.store, slots, n_step, gamma)
        else:
            found = returns_over_choices(self.store, self._forced, slots, n_step, gamma)
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
    of each observed column.

    Attributes:
        choices: rows with one valid action, by the column "mask", are not drawn, returns go on through them, and n
            counts the others.
    """

    choices: bool = False

    def reader(self, store: StepStore) -> Reader:
        return TransitionReader(store, self.choices)


def forced(masks: np.ndarray) -> np.ndarray:
    """bool (n,), which rows of masks (n, actions) leave no choice. Without a valid action all count as valid, and a
    space with one action has no choices to look for."""
    return (masks.sum(1) == 1) & (masks.shape[1] > 1)


def row_bytes(store: StepStore, name: str) -> int:
    """Memory of one row of a column."""
    spec = store.specs[name]
    return int(np.prod(spec.shape, dtype=np.int64)) * np.dtype(spec.dtype).itemsize
