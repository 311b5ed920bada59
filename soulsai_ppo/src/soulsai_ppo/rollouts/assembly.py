"""One client's rollout, put together from its messages."""

from __future__ import annotations

import numpy as np

from soulsai_core import ITERATION, STREAM, Arrays, End, StepBatch
from soulsai_ppo.rollouts.columns import BEGINS, ENV, LEARNED, START, STATE, TERMINATED

_STORED = "stored"


class Assembly:
    """Keeps the rows of one model iteration. Messages come in the order in which they were sent, each once.

    Args:
        iteration: whose weights chose the actions.
        most: rows after which no more are taken in, so that a client that knows no end cannot fill the memory.
    """

    def __init__(self, iteration: int, most: int) -> None:
        self.iteration = iteration
        self._most = most
        self._rows = 0
        self._length: int | None = None
        self._parts: list[StepBatch] = []

    @property
    def complete(self) -> bool:
        """All rows that the client made are there."""
        return self._length is not None and self._rows >= self._length

    @property
    def torn(self) -> bool:
        """The client has made all its rows, and some of them were lost."""
        return self._length is not None and self._rows < self._length

    def add(self, steps: StepBatch) -> bool:
        """Take in rows of this iteration, and whether they were the last ones. Returns whether there was anything of
        it."""
        own = steps.select(steps.segments[:, ITERATION] == self.iteration)
        closed = steps.closed
        if closed is not None and closed.iteration != self.iteration:
            closed = None
        if self._rows > self._most or (closed is None and not len(own)):
            return False
        if closed is not None:
            self._length = closed.rows
        self._parts.append(_kept(own))
        self._rows += len(own)
        return True

    def assembled(self) -> Arrays:
        """All rows, stream after stream, each in the order of time.

        Where a value goes on and the next row is not what follows, since the episode was truncated, positions were left
        out or the rollout is over, a row with what was observed is put between. It is not learned from, and has the
        action and reward of the row before.
        """
        whole = StepBatch(
            np.concatenate([part.segments for part in self._parts]),
            _concatenated([part.columns for part in self._parts]),
            _concatenated([part.after for part in self._parts]),
        )
        count = len(whole)
        ends = whole.ends
        followed = whole.lasts[np.concatenate([part.has_after for part in self._parts])]
        row = np.append(np.arange(count), followed)
        between = np.arange(len(row)) >= count
        stream = whole.of_rows(STREAM)[row]
        time = 2 * whole.positions[row] + between
        start = whole.starts[row] & ~between
        order = _in_order(stream, time, start, between)
        row, between, stream, time, start = (array[order] for array in (row, between, stream, time, start))
        columns = {name: column[row] for name, column in whole.columns.items()}
        for name, after in whole.after.items():
            columns[name][between] = after[order[between] - count]
        columns |= {
            ENV: stream,
            TERMINATED: (ends[row] == End.TERMINATED) & ~between,
            LEARNED: (ends[row] != End.DISCARDED) & ~between,
            START: start,
        }
        if _STORED in columns:
            _mark_sequences(columns, columns.pop(_STORED) & ~between, ~_continues(stream, time, 2))
        return columns


def _kept(steps: StepBatch) -> StepBatch:
    """A copy, with states in all rows."""
    columns = {name: column.copy() for name, column in steps.columns.items()}
    if STATE in steps.sparse:
        rows, values = steps.sparse[STATE]
        columns[STATE] = np.zeros((len(steps), values.shape[1]), values.dtype)
        columns[STATE][rows] = values
        columns[_STORED] = np.zeros(len(steps), np.bool_)
        columns[_STORED][rows] = True
    return StepBatch(steps.segments.copy(), columns, {name: after.copy() for name, after in steps.after.items()})


def _concatenated(parts: list[Arrays]) -> Arrays:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _in_order(stream: np.ndarray, time: np.ndarray, start: np.ndarray, between: np.ndarray) -> np.ndarray:
    """Rows sorted by stream and time, without those between two rows of which one follows the other."""
    order = np.lexsort((time, stream))
    follows = _continues(stream[order], time[order], 1) & ~start[order]
    needed = np.ones(len(order), np.bool_)
    needed[:-1] = ~(between[order][:-1] & follows[1:])
    return order[needed]


def _continues(stream: np.ndarray, time: np.ndarray, most: int) -> np.ndarray:
    """bool (rows,), the row before is of the same stream, and so far before it at most."""
    continues = np.zeros(len(stream), np.bool_)
    continues[1:] = (stream[1:] == stream[:-1]) & (np.diff(time) <= most)
    return continues


def _mark_sequences(columns: Arrays, stored: np.ndarray, alone: np.ndarray) -> None:
    """Say where sequences begin. Rows after a break whose state is not known are not learned from."""
    columns[BEGINS] = stored | alone
    index = np.arange(len(alone))
    known_since = np.maximum.accumulate(np.where(stored | columns[START], index, -1))
    columns[LEARNED] &= known_since >= np.maximum.accumulate(np.where(alone, index, -1))
