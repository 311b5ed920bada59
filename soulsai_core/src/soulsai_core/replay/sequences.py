"""Rows read as sequences, on which recurrent networks are trained (Kapturowski et al. 2019, section 2.3)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import numpy as np

from soulsai_core.messages import Arrays
from soulsai_core.replay.reading import Reader, Reading
from soulsai_core.replay.stacks import FrameStacks, Stacks
from soulsai_core.replay.store import START_FLAG, StepStore, replace_rows
from soulsai_core.replay.transitions import row_bytes, step_discounts
from soulsai_core.steps import END, MASK, POSITION, REWARD, ROWS, START, STREAM, End, StepBatch

STATE = "state"
_ENDED = (End.TERMINATED, End.TRUNCATED)


class _Walk(NamedTuple):
    """The rows of m sequences of T steps.

    Attributes:
        slots: int64 (m, T + 1), where each row lies; behind the end of a sequence its last row again.
        valid: bool (m, T + 1), whether it is a row of the sequence.
    """

    slots: np.ndarray
    valid: np.ndarray


class _Fold(NamedTuple):
    """n-step returns (m, T) of the rows of m sequences, as `transitions.Returns`.

    Attributes:
        following: index, 1 .. T, of the observation that is bootstrapped from.
        known: bool, the return does not need a row behind the T-th.
    """

    reward: np.ndarray
    discount: np.ndarray
    following: np.ndarray
    known: np.ndarray


@dataclass(slots=True)
class _Chain:
    """Rows of a stream that follow each other, whether or not the first ones are still there.

    Attributes:
        following: position of the row that would go on with it.
        unstacked: rows at its front whose stacks reach over a break.
        rows: in it so far.
        begun: (number, index in the chain) of the beginnings of sequences of which it is open how they end.
    """

    following: int
    unstacked: int
    rows: int = 0
    begun: deque[tuple[int, int]] = field(default_factory=deque)

    def take(self, length: int) -> list[int]:
        """Remove the beginnings whose sequence has at least `length` rows by now, and return their row numbers."""
        taken = []
        while self.begun and self.rows - self.begun[0][1] >= length:
            taken.append(self.begun.popleft()[0])
        return taken

    def close(self) -> list[int]:
        """Nothing follows: the number of the first beginning that is left, as the others' rows are in its sequence."""
        return [self.begun[0][0]] if self.begun else []


class SequenceReader(Reader):
    """What is drawn is the beginning of a sequence: a row with a stored state, or the first one of an episode. It can
    be drawn once its sequence is complete, or closed by an end, a break or the loss of its client.

    The sequence that reaches the end of an episode is its last one, shorter than the others where it must be; those
    that begin later are never drawn. They would only repeat its rows: ends of episodes would be trained on more often
    than the rest, the last row most of all. The same holds at a break, but for a whole sequence that happens to reach
    it: one more is drawn then, since the last returns of a whole one need rows behind it.

    What is drawn of an episode depends on its rows alone, not on how much of the ring others overwrite meanwhile.
    """

    def __init__(self, store: StepStore, how: Sequences) -> None:
        super().__init__(store)
        self._how = how
        self.time = how.burn_in + how.length + how.n_step
        self._stacks = None if how.stacks is None else FrameStacks(store, how.stacks.stack, how.stacks.image)
        # By (client, stream). A chain counts overwritten rows, too: which rows begin a sequence must not depend on how
        # much other clients write.
        self._chains: dict[tuple[str, int], _Chain] = {}

    @property
    def drawn_bytes(self) -> int:
        stored = sum(row_bytes(self.store, name) for name in self.store.specs)
        if self._stacks is not None:
            stored += (self._stacks.stack - 1) * row_bytes(self.store, self._stacks.image)
        return (self.time + 1) * stored + 4 * self._how.state

    # -- which can be drawn

    def overwriting(self, slots: np.ndarray) -> np.ndarray:
        if self._stacks is None:
            return slots
        return np.union1d(slots, self._stacks.overwriting(slots))

    def appended(self, slots: np.ndarray, steps: StepBatch, client: str) -> np.ndarray:
        slot = int(slots[0])
        if self._stacks is not None:
            self._stacks.appended(slot, steps)
        number = self.store.count - len(steps)
        done: list[int] = []
        for segment in steps.segments.tolist():
            done += self._extend(slot, number, segment, client)
            slot += segment[ROWS]
            number += segment[ROWS]
        return self._drawable(done)

    def _extend(self, slot: int, number: int, segment: list[int], client: str) -> list[int]:
        """A segment was written from `slot` on; its first row has this number. Returns what it completes."""
        key = client, segment[STREAM]
        chain = self._chains.get(key)
        done: list[int] = []
        if chain is None or segment[START] or segment[POSITION] != chain.following:
            done = chain.close() if chain is not None else done
            unstacked = 0 if segment[START] or self._stacks is None else self._stacks.stack - 1
            chain = self._chains[key] = _Chain(segment[POSITION], unstacked)
        stored = self.store.places[STATE][slot : slot + segment[ROWS]] >= 0
        stored[: max(chain.unstacked - chain.rows, 0)] = False
        stored[0] |= bool(segment[START])
        chain.begun.extend((number + i, chain.rows + i) for i in np.flatnonzero(stored).tolist())
        chain.rows += segment[ROWS]
        chain.following += segment[ROWS]
        if segment[END] not in _ENDED:
            return done + chain.take(self.time)
        del self._chains[key]
        return done + chain.take(self.time + 1) + chain.close()  # one of T rows is the last: no other is closed

    def forgotten(self, streams: list[tuple[str, int]]) -> np.ndarray:
        chains = [self._chains.pop(key) for key in streams if key in self._chains]
        return self._drawable([number for chain in chains for number in chain.close()])

    def _drawable(self, numbers: list[int]) -> np.ndarray:
        """Slots of those of these beginnings that are still there and from which something can be learned."""
        known = np.array([number for number in numbers if number >= self.store.oldest], np.int64)
        slots = known % self.store.capacity
        if self._stacks is not None:
            slots = slots[self._stacks.whole(slots)]
        if not len(slots):
            return slots
        return slots[self._learned(slots, self._walk(slots), self._how.n_step).any(1)]

    # -- what is made of them

    def read(self, slots: np.ndarray, n_step: int, gamma: float) -> dict[str, Any]:
        flat = slots.ravel()
        columns = self._read(flat, min(n_step, self._how.n_step), gamma)
        return {name: column.reshape(*slots.shape, *column.shape[1:]) for name, column in columns.items()}

    def _read(self, slots: np.ndarray, n_step: int, gamma: float) -> dict[str, Any]:
        walk = self._walk(slots)
        store = self.store
        fold = self._fold(walk, n_step, gamma)
        columns = self._observed(walk)
        columns |= self._others(walk)
        columns[REWARD] = np.where(fold.known, fold.reward, np.float32(0))
        columns["discount"] = np.where(fold.known, fold.discount, np.float32(0))
        columns["following"] = np.where(fold.known, fold.following, 0).astype(np.int32)
        columns["learned"] = self._cut(slots, fold.known).astype(np.float32)
        columns["begins"] = self._begins(slots)
        columns[STATE] = self._states(slots)
        if MASK in store.observed:
            masks = columns.pop(MASK)
            rows = np.arange(len(slots))[:, None]
            following = columns[f"next_{MASK}"] = masks[rows, fold.following]
            replace_rows(following, 2, np.flatnonzero(~fold.known.ravel()), 0)
        return columns

    def _walk(self, slots: np.ndarray) -> _Walk:
        """The rows of the sequences that begin in these slots (m,)."""
        # Step by step for all sequences: rows of other streams lie between, so the slots of one are no range.
        rows = np.empty((len(slots), self.time + 1), np.int64)
        valid = np.empty(rows.shape, np.bool_)
        there = np.ones(len(slots), np.bool_)
        for step in range(self.time + 1):
            rows[:, step] = slots
            valid[:, step] = there
            there = there & (self.store.ahead[slots] > 0)
            slots = np.where(there, self.store.next_slots(slots), slots)
        return _Walk(rows, valid)

    def _fold(self, walk: _Walk, n: int, gamma: float) -> _Fold:
        """The rules of `transitions.returns`, within T steps."""
        time = self.time
        store = self.store
        slots = walk.slots[:, :time]
        valid = walk.valid[:, :time]
        readable = walk.valid & ~store.discarded(walk.slots)
        total = store.reward[slots]
        rewards = total.copy()
        factors = step_discounts(store, slots, gamma)
        discount = factors.copy()
        last = np.broadcast_to(np.arange(time), slots.shape).copy()
        goes_on = np.ones(slots.shape, np.bool_)
        for k in range(1, n):  # the k-th reward after each step's own, as far as it lies within the T steps
            steps = slice(time - k)
            goes_on = goes_on[:, steps] & readable[:, k:time]
            total[:, steps] += np.where(goes_on, discount[:, steps] * rewards[:, k:], np.float32(0))
            discount[:, steps] *= np.where(goes_on, factors[:, k:], np.float32(1))
            last[:, steps] += goes_on
        complete = last - np.arange(time) == n - 1
        open_end = store.ends(slots[:, time - 1 :]) == End.GOES_ON  # whether or not the row behind is there by now
        known = readable[:, :time] & valid & (complete | (last < time - 1) | ~open_end)
        ended = np.take_along_axis(store.ends(slots), last, 1) == End.TERMINATED
        return _Fold(total, np.where(ended, np.float32(0), discount), last + 1, known)

    def _learned(self, slots: np.ndarray, walk: _Walk, n: int) -> np.ndarray:
        return self._cut(slots, self._fold(walk, n, 1.0).known)

    def _cut(self, slots: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Without the burn-in, which an episode's beginning does not need; at least the last known row is left."""
        steps = np.arange(self.time)
        last = np.where(known, steps, 0).max(1)
        burnt = np.where(self._begins(slots), 0, np.minimum(self._how.burn_in, last))
        return known & (steps >= burnt[:, None])

    def _begins(self, slots: np.ndarray) -> np.ndarray:
        return (self.store.flags[slots] & START_FLAG) > 0

    def _observed(self, walk: _Walk) -> dict[str, Any]:
        """Observations and masks (m, T + 1, *shape): each row's, and what followed the last one; zeros behind it."""
        store = self.store
        stacks = self._stacks
        plain = [name for name in store.observed if stacks is None or name != stacks.image]
        found = store.gather(walk.slots, plain)
        if stacks is not None:
            found[stacks.image] = stacks.of(walk.slots)
        end = walk.valid.sum(1)
        for name, column in found.items():
            replace_rows(column, 2, np.flatnonzero(~walk.valid.ravel()), 0)
            found[name] = column
        open_ = np.flatnonzero((end <= self.time) & (store.ahead[walk.slots[:, -1]] < 0))
        if len(open_):
            last = walk.slots[open_, -1]
            after = store.after(last, plain)
            if stacks is not None:
                after[stacks.image] = stacks.after(last)
            for name, rows in after.items():
                replace_rows(found[name], 2, open_ * (self.time + 1) + end[open_], rows)
        return found

    def _others(self, walk: _Walk) -> dict[str, Any]:
        """Columns (m, T, *shape) that are not observed; zeros behind the last row."""
        slots = walk.slots[:, : self.time]
        behind = np.flatnonzero(~walk.valid[:, : self.time].ravel())
        found = self.store.gather(slots, [name for name in self.store.names if name not in self.store.observed])
        for column in found.values():
            replace_rows(column, 2, behind, 0)
        return found

    def _states(self, slots: np.ndarray) -> np.ndarray:
        """float32 (m, numbers); 0 where an episode begins."""
        states = np.zeros((len(slots), self._how.state), np.float32)
        stored = np.flatnonzero((self.store.places[STATE][slots] >= 0) & ~self._begins(slots))
        if len(stored):
            found = self.store.sparse_column(STATE, slots[stored])
            states[stored] = found if isinstance(found, np.ndarray) else found.cpu().numpy()
        return states

    def first_errors(self, slots: np.ndarray, errors: np.ndarray, largest: float) -> np.ndarray:
        """eta * max + (1 - eta) * mean of the absolute errors of what is learned from in these sequences (n,)."""
        if not len(slots):
            return np.zeros(0)
        walk = self._walk(slots)
        learned = self._learned(slots, walk, self._how.n_step)
        of_rows = errors[walk.slots[:, : self.time]]
        of_rows = np.where(learned, np.where(np.isnan(of_rows), largest, of_rows), 0.0)
        eta = self._how.eta
        return eta * of_rows.max(1) + (1 - eta) * of_rows.sum(1) / learned.sum(1)

    # -- saving and loading

    def intact(self, slots: np.ndarray) -> np.ndarray:
        return super().intact(slots) if self._stacks is None else self._stacks.whole(slots)

    def save(self) -> Arrays:
        # As JSON in an array of bytes: checkpoints hold arrays alone, and chains are few.
        chains = [
            (*key, chain.following, chain.unstacked, chain.rows, list(chain.begun))
            for key, chain in self._chains.items()
        ]
        return {"chains": np.frombuffer(msgspec.json.encode(chains), np.uint8).copy()}

    def load(self, saved: Arrays) -> None:
        self._chains = {
            (client, stream): _Chain(following, unstacked, rows, deque((number, index) for number, index in begun))
            for client, stream, following, unstacked, rows, begun in msgspec.json.decode(saved["chains"].tobytes())
        }


@dataclass(frozen=True, slots=True)
class Sequences(Reading):
    """Sequences of T = burn_in + length + n_step rows, overlapping.

    Attributes:
        burn_in: first rows that only warm up the stored state.
        length: rows that are learned from.
        n_step: the largest n of the returns that will be asked for.
        state: numbers of the sparse column "state", as output and cell of an LSTM.
        eta: share of the largest error in a priority, else the mean.
        stacks: images are read as stacks.
    """

    burn_in: int
    length: int
    n_step: int
    state: int
    eta: float = 0.9
    stacks: Stacks | None = None

    def reader(self, store: StepStore) -> Reader:
        return SequenceReader(store, self)
