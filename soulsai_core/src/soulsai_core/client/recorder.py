"""Records what an environment and an actor do as rows of `StepBatch`: one place for every autoreset mode.

To record a step is little more than to append it to a list, since it is done between two steps of a game. All
arithmetic is done for many steps at once, when they are taken.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np

from soulsai_core.client.recorded_columns import MadeStep, RecordedColumns, kept_rows
from soulsai_core.messages import Arrays, ArraySpec, Step
from soulsai_core.steps import (
    END,
    ITERATION,
    POSITION,
    ROWS,
    SOURCE,
    START,
    STREAM,
    Closed,
    End,
    Source,
    StepBatch,
    has_after,
    starts_after,
)

log = logging.getLogger(__name__)


class Recorder:
    """Rows of one client's streams, of which environment i is stream i. To be used from one thread.

    Call `begin` with what `reset()` returned, `load` for each model, `act` with `starts`, and `record` what it led to.
    A row that does not fit its columns is left out. The row before it ends discarded if what followed it does not fit.

    Args:
        columns: of recorded rows, as `step_columns` gives them and the node announces them.
        observations: names of the observation's parts.
        source: who chooses the actions.
        told: takes a sentence about the first value of each column that does not fit.

    Attributes:
        rows: recorded, and not yet taken.
        ended: an episode ended with the newest step.
        left_out: rows that did not fit so far.
        starts: bool (n,), where an episode begins with the newest observation; the argument of the next `act`.
    """

    def __init__(
        self,
        columns: Mapping[str, ArraySpec],
        observations: Collection[str],
        *,
        source: Source = Source.AGENT,
        told: Callable[[str], object] = log.warning,
    ) -> None:
        self.left_out = 0
        self.ended = False
        self.starts = np.zeros(0, np.bool_)
        self._source = source
        self._columns = RecordedColumns(columns, observations, told)
        self._streams = 0
        self._next = np.zeros(0, np.int64)
        self._iteration = self._taken = self._made = self._sent = 0
        self._quota: float = math.inf
        self._said_closed = False
        self._forget()

    def _forget(self) -> None:
        """Nothing waits. The lists hold the numbers of those waiting steps at which something is special."""
        self.rows = 0
        self._steps: list[MadeStep] = []
        self._models = [(0, self._iteration)]
        self._begun: list[tuple[int, np.ndarray]] = []
        self._partial: list[int] = []
        self._late: list[int] = []
        self._ended: list[int] = []
        self._breaks: list[int] = []

    def begin(self, step: Step) -> None:
        """All streams start with this step. In those that have rows already a position is left out. Raises ValueError
        if rows wait and the number of environments is another one."""
        streams = len(step.rewards)
        if not self._steps:
            self._next[self._next > 0] += 1
            self._next = np.pad(self._next, (0, max(streams - len(self._next), 0)))
        elif streams == self._streams:
            self._breaks.append(len(self._steps))
        else:
            raise ValueError(f"{self.rows} rows of {self._streams} environments are to be taken before {streams} begin")
        self._streams = streams
        self._before = step
        self._no_starts = _constant(streams, False)
        self.starts = _constant(streams, True)

    def load(self, iteration: int, quota: int | None) -> None:
        """The next actions are chosen by this model, with which `quota` rows may be made; None: any number."""
        self._iteration = iteration
        self._quota = math.inf if quota is None else quota
        self._made = -self.rows  # rows of this model that were taken; those that wait are added
        self._sent = 0
        self._said_closed = False
        self._models = [*(m for m in self._models if m[0] < len(self._steps)), (len(self._steps), iteration)]

    @property
    def recorded(self) -> int:
        """Rows so far, taken or not."""
        return self._taken + self.rows

    @property
    def full(self) -> bool:
        """The quota is reached: newer weights are to be waited for."""
        return self.rows >= self.most

    @property
    def most(self) -> float:
        """So many rows may wait before the quota is reached."""
        return self._quota - self._made

    def record(self, actions: np.ndarray, own: Arrays, after: Step, *, late: bool = False) -> int:
        """What the actions and own columns that `act` returned led to. The arrays are kept, and must not change.

        Args:
            late: the step took too long to learn from; its rows end discarded.

        Returns: the number of rows, without those that were only reset.
        """
        rows = self._streams
        if rows == 1:  # games run alone: no array is made
            self.ended = after.terminated.item() or after.truncated.item()
        else:
            self.ended = bool(np.count_nonzero(after.terminated) or np.count_nonzero(after.truncated))
        if self.ended or late or after.final or after.valid is not None or self.starts is not self._no_starts:
            rows = self._note(after, late)
        if rows:
            self._steps.append((self._before, actions, own, after))
            self.rows += rows
        self._before = after
        return rows

    def _note(self, after: Step, late: bool) -> int:
        """What is special about a step that is to be recorded. Returns the number of its rows."""
        now = len(self._steps)
        begun = self.starts
        starts = starts_after(after)
        rows = self._streams if after.valid is None else int(np.count_nonzero(after.valid))
        self.starts = starts if starts.any() else self._no_starts
        if rows and begun is not self._no_starts:
            self._begun.append((now, begun))
        if rows and after.valid is not None:
            self._partial.append(now)
        if rows and late:
            self._late.append(now)
        if rows and self.ended:
            self._ended.append(now)
        return rows

    def take(self) -> StepBatch | None:
        """All rows that wait, None if there are none. If the quota is reached they are `closed`, once, even if there
        are none."""
        closes = self.full and not self._said_closed
        with np.errstate(all="ignore"):  # sums of what does not fit may overflow
            batch = self._batch() if self._steps else None
        self._made += self.rows
        self._taken += self.rows
        self._forget()
        if closes:
            self._said_closed = True
            batch = replace(batch or self._columns.empty(), closed=Closed(self._iteration, self._sent))
        return batch

    def _batch(self) -> StepBatch | None:
        """Row i * steps + t is step t of stream i, until rows are left out."""
        made = self._made_rows()
        ends = self._ends()
        columns, sparse, unfit = self._columns.of_steps(self._steps, self._streams, made)
        kept = made
        if unfit is not None:
            fit = ~unfit.reshape(self._streams, -1)
            kept = fit if made is None else fit & made
            self.left_out += self.rows - int(np.count_nonzero(kept))
        plain = ends is None and kept is None and not self._breaks and len(self._models) == 1
        if plain and (not self._begun or self._begun[-1][0] == 0):
            table, lasts = self._plain_table()
        else:
            table, lasts = self._table(made, kept, ends)
        if not len(table):
            return None
        if self._quota < math.inf:
            self._sent += int(table[table[:, ITERATION] == self._iteration, ROWS].sum())
        after = self._after(table, lasts)
        if kept is not None:
            columns, sparse = kept_rows(columns, sparse, kept.reshape(-1))
        return StepBatch(table, columns, after, sparse)

    def _plain_table(self) -> tuple[np.ndarray, np.ndarray]:
        """As `_table`, where each stream is one segment, as most often."""
        times = len(self._steps)
        table = np.zeros((self._streams, 7), np.int64)
        table[:, STREAM] = streams = np.arange(self._streams)
        table[:, POSITION] = self._next[: self._streams]
        table[:, ROWS] = times
        table[:, ITERATION] = self._iteration
        table[:, SOURCE] = self._source
        if self._begun:
            table[:, START] = self._begun[0][1]
        self._next[: self._streams] += times
        return table, (streams + 1) * times - 1

    def _made_rows(self) -> np.ndarray | None:
        """bool (streams, steps), False where a step only reset the row; None if none did."""
        if not self._partial:
            return None
        made = np.ones((self._streams, len(self._steps)), np.bool_)
        for time in self._partial:
            made[:, time] = self._steps[time][3].valid
        return made

    def _table(
        self, made: np.ndarray | None, kept: np.ndarray | None, ends: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The table of segments (segments, 7) of the rows that are kept, and the number of the last row of each among
        all rows. A segment begins with a stream, an episode or a model, and after an end, a break or a row that is left
        out."""
        streams = self._streams
        times = len(self._steps)
        starts = np.zeros((streams, times), np.bool_)
        for time, which in self._begun:
            starts[:, time] = which
        first = starts.copy()
        for time in (0, *self._breaks, *(since for since, _ in self._models)):
            first[:, time : time + 1] = True  # at the end of what waits there may be no step yet
        if ends is not None:
            first[:, 1:] |= ends[:, :-1] > 0
        if kept is None:
            at = np.flatnonzero(first)
            rows = np.empty_like(at)
            rows[:-1] = at[1:]
            rows[-1] = first.size
            rows -= at
            lasts = at + rows - 1
        else:
            first[:, 1:] |= ~kept[:, :-1]
            all_rows = np.flatnonzero(kept)
            at = np.flatnonzero(first & kept)
            place = np.append(np.searchsorted(all_rows, at), len(all_rows))
            rows = place[1:] - place[:-1]
            lasts = all_rows[place[1:] - 1]
        stream = at // times
        table = np.zeros((len(at), 7), np.int64)
        table[:, STREAM] = stream
        table[:, POSITION] = self._positions(made, stream, at - stream * times)
        table[:, ROWS] = rows
        table[:, ITERATION] = self._iterations(at - stream * times)
        table[:, SOURCE] = self._source
        table[:, START] = starts.reshape(-1)[at]
        if ends is not None:
            table[:, END] = ends.reshape(-1)[lasts]
        return table, lasts

    def _ends(self) -> np.ndarray | None:
        """uint8 (streams, steps), `End` of each row; None if all go on."""
        if not self._ended and not self._late:
            return None
        ends = np.zeros((self._streams, len(self._steps)), np.uint8)
        for time in self._ended:
            after = self._steps[time][3]
            ends[after.truncated, time] = End.TRUNCATED
            ends[after.terminated, time] = End.TERMINATED
        ends[:, self._late] = End.DISCARDED
        return ends

    def _positions(self, made: np.ndarray | None, stream: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Position of each of these rows in its stream; the streams' next ones are remembered."""
        following = self._next[: self._streams]
        before = following[stream] + time
        if made is not None:
            resets = np.cumsum(~made, axis=1)
            before -= resets[stream, time]
            following -= resets[:, -1]
        following += len(self._steps) + len(self._breaks)
        return before + np.searchsorted(self._breaks, time, "right") if self._breaks else before

    def _iterations(self, time: np.ndarray) -> np.ndarray | int:
        """Iteration of the model that chose each of these steps."""
        if len(self._models) == 1:
            return self._iteration
        since, iterations = np.array(self._models, np.int64).T
        return iterations[np.searchsorted(since, time, "right") - 1]

    def _after(self, table: np.ndarray, lasts: np.ndarray) -> Arrays:
        """What followed the last row of each segment that needs it. Where that does not fit the row is discarded."""
        needing = np.flatnonzero(has_after(table))
        times = len(self._steps)
        newest = self._steps[-1][3]
        stream, time = np.divmod(lasts[needing], times)
        if len(needing) == self._streams and not newest.final and (time == times - 1).all():  # as most often
            after, unfit = self._columns.of_newest(newest, self._streams)
        else:
            ends = zip(time.tolist(), stream.tolist(), strict=True)
            after, unfit = self._columns.of_ends([(self._steps[time][3], stream) for time, stream in ends])
        if unfit is None:
            return after
        table[needing[unfit], END] = End.DISCARDED
        return {name: followed[~unfit] for name, followed in after.items()}


@lru_cache(maxsize=8)
def _constant(streams: int, value: bool) -> np.ndarray:
    """bool (streams,) that cannot be changed, since it is handed out again and again."""
    array = np.full(streams, value)
    array.flags.writeable = False
    return array
