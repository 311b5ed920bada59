"""Proportional prioritization (Schaul et al. 2016, section 3.3 and appendix B.2.1)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from soulsai_core.replay.store import END_BITS, StepStore
from soulsai_core.replay.sum_tree import SumTree
from soulsai_core.replay.transitions import step_discounts
from soulsai_core.steps import END, ROWS, End, StepBatch

_TERMINATED = int(End.TERMINATED)
_DISCARDED = int(End.DISCARDED)
VALUE = "value"
BEST = "best"
FirstError = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(value, reward, discount, best of what followed), each (n,) -> absolute one-step errors (n,)."""


@dataclass(frozen=True, slots=True)
class PriorityOptions:
    """A priority is (|error| + epsilon) ** alpha."""

    alpha: float = 0.6
    epsilon: float = 1e-3


class Priorities:
    """Priorities of slots; those that cannot be drawn have 0.

    A row's first priority is its one-step error by the client's own values (Horgan et al. 2018, algorithm 1), once the
    values of its successor are there. Until then it is the largest error so far, so that it is drawn soon.

    Priorities belong to slots, not to rows: what a learner reports of rows that were overwritten meanwhile is left out
    by the replay, which compares the numbers of rows.

    Attributes:
        errors: float32 (capacity,), first errors of rows, NaN where they are not known.
        largest: the largest absolute error so far.
        tree: the priorities.
    """

    def __init__(self, capacity: int, options: PriorityOptions, first_error: FirstError | None) -> None:
        self.errors = np.full(capacity, np.nan, np.float32)
        self.largest = 1.0
        self.tree = SumTree(capacity)
        self._values = np.zeros(capacity, np.float32)
        self._options = options
        self._first_error = first_error
        self._error_seen = False

    @property
    def bytes(self) -> int:
        """Memory of the priorities."""
        return self.tree.bytes + self.errors.nbytes + self._values.nbytes

    def appended(self, store: StepStore, slot: int, steps: StepBatch, followed: list[int], gamma: float) -> None:
        """Compute first errors. The steps were written to the slots from `slot` on, and follow earlier rows with the
        numbers `followed`."""
        rows = slice(slot, slot + len(steps))
        self.errors[rows] = np.nan
        if self._first_error is None or VALUE not in steps.columns:
            return
        value = steps.columns[VALUE]
        self._values[rows] = value
        # All rows at once, as if each was followed by the row behind it. That is wrong only at the ends of segments,
        # which are few and corrected afterwards.
        if len(steps) > 1:
            reward = store.reward[slot : slot + len(steps) - 1]
            discount = step_discounts(store, np.arange(slot, slot + len(steps) - 1), gamma)
            self.errors[slot : slot + len(steps) - 1] = self._first_error(
                value[:-1], reward, discount, steps.columns[BEST][1:]
            )
        self._correct_ends(store, slot, steps)
        self._complete_earlier(store, slot, steps, followed, gamma)
        self._note_largest(self.errors[rows])

    def _correct_ends(self, store: StepStore, slot: int, steps: StepBatch) -> None:
        """Correct the errors of the last rows of segments, which are not followed by the row behind them unless their
        episode goes on there."""
        assert self._first_error is not None
        last = slot - 1
        for segment, goes_on in zip(steps.segments.tolist(), steps.continued.tolist(), strict=True):
            last += segment[ROWS]
            if segment[END] == _TERMINATED:
                one = self._values[last : last + 1]
                nothing = np.zeros(1, np.float32)
                self.errors[last] = self._first_error(one, store.reward[last : last + 1], nothing, nothing)[0]
            elif segment[END] == _DISCARDED or not goes_on:
                self.errors[last] = np.nan

    def _complete_earlier(
        self, store: StepStore, slot: int, steps: StepBatch, followed: list[int], gamma: float
    ) -> None:
        """Compute the errors of earlier rows that were only now followed, by first rows of segments."""
        for number in followed:
            before = number % store.capacity
            after = (number + int(store.ahead[before])) % store.capacity - slot
            if int(store.flags[before]) & END_BITS == _DISCARDED:
                continue
            assert self._first_error is not None
            one = self._values[before : before + 1]
            reward = store.reward[before : before + 1]
            discount = step_discounts(store, np.array([before]), gamma)
            self.errors[before] = self._first_error(one, reward, discount, steps.columns[BEST][after : after + 1])[0]

    def _note_largest(self, errors: np.ndarray) -> None:
        largest = float(np.fmax.reduce(errors)) if len(errors) else math.nan  # fmax ignores NaN: errors not known
        if math.isfinite(largest):
            # The first error replaces the initial 1, which may be far above or below all real ones.
            self.largest = max(self.largest, largest) if self._error_seen else max(largest, self._options.epsilon)
            self._error_seen = True

    def known(self, slots: np.ndarray) -> np.ndarray:
        """First errors (n,) of the rows in these slots; the largest error so far where they are not known."""
        errors = self.errors[slots]
        return np.where(np.isnan(errors), self.largest, errors)

    def set(self, slots: np.ndarray, errors: np.ndarray) -> None:
        """Give slots (n,) the priorities of absolute errors (n,)."""
        if len(slots):
            self._note_largest(errors)
            priorities = (np.abs(errors, dtype=np.float64) + self._options.epsilon) ** self._options.alpha
            # New rows lie in consecutive slots; setting a range takes a quarter of the time.
            if slots[-1] - slots[0] == len(slots) - 1 and (slots[1:] > slots[:-1]).all():
                self.tree.set_range(int(slots[0]), priorities)
            else:
                self.tree.set(slots, priorities)

    def remove(self, slots: np.ndarray) -> None:
        """These slots cannot be drawn any more."""
        if len(slots):
            self.tree.set(slots, np.zeros(len(slots)))

    def draw(self, rng: np.random.Generator, batches: int, batch_size: int, oldest: int) -> np.ndarray:
        """Draw slots (batches, batch_size) with replacement. The sum of priorities is cut into batch_size equal parts,
        and a minibatch has one row of each (appendix B.2.1).

        The parts begin at the slot of the oldest row: a replay with the same rows in other slots draws the same rows.
        """
        total = self.tree.total
        sums = (np.arange(batch_size) + rng.random((batches, batch_size))) * (total / batch_size)
        sums += self.tree.before(oldest)
        sums -= total * (sums >= total)
        # Neighbors in the tree are looked for together: most of the time goes into waiting for memory.
        return np.ascontiguousarray(self.tree.find(sums.T.ravel()).reshape(batch_size, batches).T)

    def weights(self, slots: np.ndarray, count: int, beta: float) -> np.ndarray:
        """Importance weights (N p) ** -beta divided by the largest in each minibatch, float32 (batches, batch_size): p
        is the row's share of the sum, N = `count` the number of rows that can be drawn (section 3.4)."""
        weights = (count / self.tree.total * self.tree[slots]) ** -beta
        return (weights / weights.max(-1, keepdims=True)).astype(np.float32)

    def save(self, store: StepStore) -> dict[str, np.ndarray]:
        """Priorities and first errors of all rows, the oldest first. First errors are not computed again, since gamma
        may have changed."""
        return {
            "priority": store.in_order(self.tree.leaves),
            "first_error": store.in_order(self.errors),
            "largest": np.array([self.largest, float(self._error_seen)]),
        }

    def load(self, saved: dict[str, np.ndarray], slots: np.ndarray, usable: np.ndarray) -> None:
        """Take over what was saved of the rows in these slots (n,); those that are not usable get no priority."""
        newest = len(saved["priority"]) - len(slots)
        self.tree.set(slots, np.where(usable, saved["priority"][newest:], 0.0))
        self.errors[slots] = saved["first_error"][newest:]
        self.largest = float(saved["largest"][0])
        self._error_seen = bool(saved["largest"][1])
