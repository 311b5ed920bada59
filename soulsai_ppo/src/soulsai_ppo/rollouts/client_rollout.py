"""One client's rollout, assembled from its messages."""

from __future__ import annotations

import numpy as np

from soulsai_core import ITERATION, STREAM, Arrays, End, StepBatch
from soulsai_ppo.rollouts.columns import BEGINS, ENV, LEARNED, START, TERMINATED
from soulsai_ppo.spaces import STATE

_STORED = "stored"  # column: the row came with a state of the LSTM


class ClientRollout:
    """Collects the rows of one model iteration. Messages come in the order in which they were sent, each once.

    Args:
        iteration: the model that chose the actions.
        max_rows: further rows are ignored, so that a client that ignores its quota cannot fill the memory.
    """

    def __init__(self, iteration: int, max_rows: int) -> None:
        self.iteration = iteration
        self._max_rows = max_rows
        self._rows = 0
        self._length: int | None = None
        self._parts: list[StepBatch] = []

    @property
    def complete(self) -> bool:
        """Whether all rows that the client made have arrived."""
        return self._length is not None and self._rows >= self._length

    @property
    def incomplete(self) -> bool:
        """Whether the client has made all its rows and some of them were lost."""
        return self._length is not None and self._rows < self._length

    def add(self, steps: StepBatch) -> bool:
        """Take in the rows of this iteration, and the number of all rows if the client has closed it. Returns whether
        there was anything of this iteration."""
        own = steps.select(steps.segments[:, ITERATION] == self.iteration)
        closed = steps.closed
        if closed is not None and closed.iteration != self.iteration:
            closed = None
        if self._rows > self._max_rows or (closed is None and not len(own)):
            return False
        if closed is not None:
            self._length = closed.rows
        self._parts.append(_kept(own))
        self._rows += len(own)
        return True

    def columns(self) -> Arrays:
        """All rows, stream after stream, each in the order of time.

        A row needs the observation after it for its value. Where the next row does not have it, since the episode was
        truncated, positions were left out or the rollout is over, a row with that observation is inserted. It is not
        learned from, and has the action and reward of the row before.
        """
        whole = StepBatch(
            np.concatenate([part.segments for part in self._parts]),
            _concatenated([part.columns for part in self._parts]),
            _concatenated([part.after for part in self._parts]),
        )
        count = len(whole)
        ends = whole.ends
        followed = whole.lasts[np.concatenate([part.has_after for part in self._parts])]
        # Candidates: all rows, then a row to insert after each row that has an `after`. Times are doubled, so that
        # there is an odd number for the inserted row between two positions.
        row = np.append(np.arange(count), followed)
        inserted = np.arange(len(row)) >= count
        stream = whole.per_row(STREAM)[row]
        time = 2 * whole.positions[row] + inserted
        start = whole.starts[row] & ~inserted
        order = _in_order(stream, time, start, inserted)
        row, inserted, stream, time, start = (array[order] for array in (row, inserted, stream, time, start))
        columns = {name: column[row] for name, column in whole.columns.items()}
        for name, after in whole.after.items():
            columns[name][inserted] = after[order[inserted] - count]
        columns |= {
            ENV: stream,
            TERMINATED: (ends[row] == End.TERMINATED) & ~inserted,
            LEARNED: (ends[row] != End.DISCARDED) & ~inserted,
            START: start,
        }
        if _STORED in columns:
            _mark_sequences(columns, columns.pop(_STORED) & ~inserted, ~_continues(stream, time, 2))
        return columns


def _kept(steps: StepBatch) -> StepBatch:
    """A copy, since the arrays are views of the message. The sparse column of states becomes a column of all rows."""
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


def _in_order(stream: np.ndarray, time: np.ndarray, start: np.ndarray, inserted: np.ndarray) -> np.ndarray:
    """Indices of rows, sorted by stream and time, without inserted rows whose observation the next row has."""
    order = np.lexsort((time, stream))
    follows = _continues(stream[order], time[order], 1) & ~start[order]
    needed = np.ones(len(order), np.bool_)
    needed[:-1] = ~(inserted[order][:-1] & follows[1:])
    return order[needed]


def _continues(stream: np.ndarray, time: np.ndarray, most: int) -> np.ndarray:
    """bool (rows,), the row before is of the same stream, and earlier by `most` at most."""
    continues = np.zeros(len(stream), np.bool_)
    continues[1:] = (stream[1:] == stream[:-1]) & (np.diff(time) <= most)
    return continues


def _mark_sequences(columns: Arrays, stored: np.ndarray, alone: np.ndarray) -> None:
    """Mark where sequences begin. Rows after a break are not learned from until a state is known again."""
    columns[BEGINS] = stored | alone
    # The newest row with a known state must not be older than the newest break.
    index = np.arange(len(alone))
    known_since = np.maximum.accumulate(np.where(stored | columns[START], index, -1))
    columns[LEARNED] &= known_since >= np.maximum.accumulate(np.where(alone, index, -1))
