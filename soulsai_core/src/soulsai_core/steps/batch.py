"""Recorded steps: the one form in which clients send experience, and from which every algorithm learns.

A row is one environment step: what was observed, the action, the reward, and which actions were valid. What is the
same for consecutive rows is kept once, in a table of segments (see `segments`). Returns, stacks and sequences are ways
of reading rows; they are the learner's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from soulsai_core.messages import Arrays
from soulsai_core.steps.columns import REWARD
from soulsai_core.steps.segments import END, POSITION, ROWS, START, End, continued, has_after
from soulsai_core.steps.transitions import Transitions, transitions_of


class Sparse(NamedTuple):
    """An own column that only m of the rows have: int64 (m,) row numbers in ascending order, and values (m, *shape)."""

    rows: np.ndarray
    values: np.ndarray


class Closed(NamedTuple):
    """A client has made its quota with the model of `iteration`: `rows` rows in all its messages together."""

    iteration: int
    rows: int


@dataclass(frozen=True, slots=True)
class StepBatch:
    """Steps of one client: stream after stream, each in the order of time. A stream is one of its environments.

    Attributes:
        segments: int64 (segments, 7), whose columns are STREAM, the POSITION of the first row in its stream, ROWS,
            the ITERATION of the model that acted, SOURCE (`Source`), START (1 if the first row begins an episode) and
            END (`End` of the last row). A position that is left out is a break: rows were lost or never made.
        columns: name -> (rows, *shape): the parts of the observation, "action", "reward", "mask" and "duration" where
            the environment has them, and the actor's own columns.
        after: name -> (k, *shape), observation and mask that followed the last row of each segment for which
            `has_after` holds. With it every row that is not discarded has what followed it.
        sparse: own columns that only some rows have.
        closed: set in the last message before the client waits for newer weights, else None.
    """

    segments: np.ndarray
    columns: Arrays
    after: Arrays
    sparse: Mapping[str, Sparse] = field(default_factory=dict)
    closed: Closed | None = None

    def __len__(self) -> int:
        return len(self.columns[REWARD])

    # -- the table, row by row

    @property
    def firsts(self) -> np.ndarray:
        """int64 (segments,), number of the first row of each segment."""
        rows = self.segments[:, ROWS]
        return rows.cumsum() - rows

    @property
    def lasts(self) -> np.ndarray:
        """int64 (segments,), number of the last row of each segment."""
        return self.segments[:, ROWS].cumsum() - 1

    def per_row(self, column: int) -> np.ndarray:
        """int64 (rows,), a column of the table for each row: STREAM, ITERATION or SOURCE."""
        return np.repeat(self.segments[:, column], self.segments[:, ROWS])

    @property
    def positions(self) -> np.ndarray:
        """int64 (rows,), the position of each row in its stream."""
        return np.arange(len(self)) + np.repeat(self.segments[:, POSITION] - self.firsts, self.segments[:, ROWS])

    @property
    def starts(self) -> np.ndarray:
        """bool (rows,), whether the row begins an episode."""
        starts = np.zeros(len(self), np.bool_)
        starts[self.firsts] = self.segments[:, START]
        return starts

    @property
    def ends(self) -> np.ndarray:
        """uint8 (rows,), `End` of each row."""
        ends = np.zeros(len(self), np.uint8)
        ends[self.lasts] = self.segments[:, END]
        return ends

    @property
    def continued(self) -> np.ndarray:
        """bool (segments,), whether the next segment's first row follows this one's last: same stream and episode, and
        no break."""
        return continued(self.segments)

    @property
    def after_rows(self) -> int:
        """k, the number of entries in `after`."""
        return len(next(iter(self.after.values()), ()))

    @property
    def has_after(self) -> np.ndarray:
        """bool (segments,), which segments have an entry in `after`: those whose value goes on beyond this batch."""
        return has_after(self.segments)

    # -- parts of it

    def with_columns(self, columns: Arrays, after: Arrays) -> StepBatch:
        """The same rows with other columns, for learners that keep features of observations."""
        return StepBatch(self.segments, columns, after, self.sparse, self.closed)

    def select(self, keep: np.ndarray) -> StepBatch:
        """The segments where bool (segments,) is true. The first observation that falls away becomes the `after` of the
        row before it."""
        if keep.all():
            return self
        bounds = [(int(a), int(b) + 1) for a, b in zip(self.firsts[keep], self.lasts[keep], strict=True)]
        return self._cut_out(np.flatnonzero(keep), self.segments[keep], bounds)

    def part(self, start: int, stop: int) -> StepBatch:
        """Rows start .. stop - 1, with `after` as in `select`. `closed` stays with the last row."""
        if start <= 0 and stop >= len(self):
            return self
        firsts = self.firsts
        lasts = self.lasts
        inside = np.flatnonzero((lasts >= start) & (firsts < stop))
        bounds = [(max(int(firsts[i]), start), min(int(lasts[i]) + 1, stop)) for i in inside]
        table = self.segments[inside]
        for row, segment, (first, end) in zip(table, inside, bounds, strict=True):
            skipped = first - firsts[segment]
            row[POSITION] += skipped
            row[ROWS] = end - first
            row[START] = row[START] and not skipped
            row[END] = row[END] if end == lasts[segment] + 1 else End.GOES_ON
        part = self._cut_out(inside, table, bounds)
        return part if stop >= len(self) else replace(part, closed=None)

    def split(self, rows: int) -> Iterator[StepBatch]:
        """Parts of at most `rows` rows, in order."""
        if len(self) <= rows:
            yield self
            return
        for start in range(0, len(self), rows):
            yield self.part(start, start + rows)

    def _cut_out(self, origin: np.ndarray, table: np.ndarray, bounds: list[tuple[int, int]]) -> StepBatch:
        """The rows within `bounds`, where segment i of `table` is a piece of segment origin[i] of this batch."""
        rows = np.concatenate([np.zeros(0, np.int64), *(np.arange(a, b) for a, b in bounds)])
        columns = {name: column[rows] for name, column in self.columns.items()}
        return StepBatch(table, columns, self._after_of(origin, table, bounds), self._sparse_of(rows), self.closed)

    def _after_of(self, origin: np.ndarray, table: np.ndarray, bounds: list[tuple[int, int]]) -> Arrays:
        """What followed these pieces. For a piece that ends with its segment that is the segment's entry of `after` if
        it has one; otherwise it is the first row behind the piece, which falls away."""
        had_after = self.has_after
        entry = np.cumsum(had_after) - 1  # of each segment that has one
        wanted = np.flatnonzero(has_after(table))
        after = {name: np.empty((len(wanted), *column.shape[1:]), column.dtype) for name, column in self.after.items()}
        lasts = self.lasts
        for index, piece in enumerate(wanted):
            segment = origin[piece]
            end = bounds[piece][1]
            from_after = had_after[segment] and end == lasts[segment] + 1
            for name, column in after.items():
                column[index] = self.after[name][entry[segment]] if from_after else self.columns[name][end]
        return after

    def _sparse_of(self, rows: np.ndarray) -> dict[str, Sparse]:
        """The sparse columns of these rows, renumbered."""
        new_number = np.full(len(self), -1)
        new_number[rows] = np.arange(len(rows))
        found = {}
        for name, column in self.sparse.items():
            kept = new_number[column.rows] >= 0
            found[name] = Sparse(new_number[column.rows[kept]], column.values[kept])
        return found

    # -- one way of reading it

    def transitions(self) -> Transitions:
        """All rows that are not discarded, as one-step transitions."""
        return transitions_of(self)
