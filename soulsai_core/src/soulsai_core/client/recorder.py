"""Records what an environment and an actor do as rows of a `StepBatch`: one place for every autoreset mode.

Recording a step does little more than append it to a list, since it happens between two steps of a game. All arithmetic
is done for many steps at once, when they are taken to be sent.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np

from soulsai_core.client.origins import UNNAMED
from soulsai_core.client.recorded_columns import RecordedColumns, RecordedStep, kept_rows
from soulsai_core.messages import Arrays, ArraySpec, Step
from soulsai_core.steps import (
    END,
    ITERATION,
    POSITION,
    ROWS,
    SEGMENT_COLUMNS,
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
    """Rows of one client's streams; environment i is stream i. To be used from one thread.

    Call `begin` with what `reset()` returned, `load` for each model, `act` with `starts`, and `record` with what the
    actions led to. A row that does not fit its columns is left out. The row before it ends discarded if the observation
    that followed it does not fit.

    Gymnasium knows two ways to reset an environment that ended. In the same step: `Step.final` then has the episode's
    last observation, and `Step.observations` the first one of the next episode. Or in the next step: it ignores the
    action, and `Step.valid` is False, since it is no transition. Both give the same rows here.

    Args:
        columns: of recorded rows, as `step_columns` gives them and the node announces them.
        observations: names of the observation's parts.
        source: who chooses the actions.
        on_unfit: takes a sentence about the first value of each column that does not fit.
        owners: names of the "algorithm" and the "environment" for these sentences.

    Attributes:
        rows: recorded and not yet taken.
        ended: whether an episode ended with the newest step.
        left_out: rows that did not fit so far.
        starts: bool (n,), where an episode begins with the newest observation; the argument of the next `act`.
    """

    def __init__(
        self,
        columns: Mapping[str, ArraySpec],
        observations: Collection[str],
        *,
        source: Source = Source.AGENT,
        on_unfit: Callable[[str], object] = log.warning,
        owners: Mapping[str, str] = UNNAMED,
    ) -> None:
        self.left_out = 0
        self.ended = False
        self.starts = np.zeros(0, np.bool_)
        self._source: int | np.ndarray = source
        self._columns = RecordedColumns(columns, observations, on_unfit, owners)
        self._streams = 0
        self._next_position = np.zeros(0, np.int64)
        self._iteration = 0
        self._taken = 0
        # Rows to learn from that wait, and that were made with the newest model and taken; and those of the latter that
        # were sent, which lack unfit ones.
        self._held_out: np.ndarray | None = None
        self._made = 0
        self._sent = 0
        self._quota: float = math.inf
        self._said_closed = False
        self._clear()

    def _clear(self) -> None:
        """No row waits. Each list but the first holds the numbers of waiting steps at which something is special."""
        self.rows = 0
        self._counted = 0
        self._steps: list[RecordedStep] = []
        self._models = [(0, self._iteration)]
        self._begun: list[tuple[int, np.ndarray]] = []
        self._partial: list[int] = []
        self._late: list[int] = []
        self._ended: list[int] = []
        self._breaks: list[int] = []

    def begin(self, step: Step) -> None:
        """All streams start with this step. Streams that have rows already leave a position out. Raises ValueError if
        rows wait and the number of environments is another one."""
        streams = len(step.rewards)
        if not self._steps:
            # A position left out is how readers see a break. A stream without rows has nothing to break off from.
            self._next_position[self._next_position > 0] += 1
            self._next_position = np.pad(self._next_position, (0, max(streams - len(self._next_position), 0)))
        elif streams == self._streams:
            self._breaks.append(len(self._steps))
        else:
            raise ValueError(f"{self.rows} rows of {self._streams} environments are to be taken before {streams} begin")
        self._streams = streams
        self._before = step
        self._no_starts = _constant(streams, False)
        self.starts = _constant(streams, True)

    def set_sources(self, sources: np.ndarray) -> None:
        """From now on, these choose the actions of the streams: `Source` (streams,). No row may wait."""
        assert not self._steps, "waiting rows would get the new sources"
        self._source = sources
        held_out = sources == Source.EVALUATION
        self._held_out = held_out if held_out.any() else None

    def load(self, iteration: int, quota: int | None) -> None:
        """The next actions are chosen by this model, with which `quota` rows may be made; None: any number."""
        self._iteration = iteration
        self._quota = math.inf if quota is None else quota
        # Rows of the older model that still wait will be added when they are taken: subtracted here, they cancel out.
        self._made = -self._counted
        self._sent = 0
        self._said_closed = False
        # A model that was replaced before it chose an action has no rows, so its entry is dropped.
        self._models = [*(m for m in self._models if m[0] < len(self._steps)), (len(self._steps), iteration)]

    @property
    def recorded(self) -> int:
        """Rows so far, taken or not."""
        return self._taken + self.rows

    @property
    def quota_reached(self) -> bool:
        """Whether the client has to wait for newer weights."""
        return self._counted >= self._quota - self._made

    @property
    def row_limit(self) -> float:
        """Number of waiting rows with which the quota is reached. Rows that are held out do not count to it."""
        missing = self._quota - self._made - self._counted
        if self._held_out is None or missing <= 0 or missing == math.inf:
            return self.rows + missing
        counting = self._streams - int(np.count_nonzero(self._held_out[: self._streams]))
        return self.rows + math.ceil(missing / counting) * self._streams if counting else math.inf

    def record(self, actions: np.ndarray, own: Arrays, after: Step, *, late: bool = False) -> int:
        """Record what the actions led to that `act` returned with these own columns. The arrays are kept, and must not
        change.

        Args:
            late: the step took too long to learn from; its rows end discarded.

        Returns: the number of rows, without those of environments that were only reset.
        """
        rows = self._streams
        if rows == 1:  # games run alone: no array is made for them
            self.ended = after.terminated.item() or after.truncated.item()
        else:
            self.ended = bool(np.count_nonzero(after.terminated) or np.count_nonzero(after.truncated))
        if self.ended or late or after.final or after.valid is not None or self.starts is not self._no_starts:
            rows = self._note_special(after, late)
        if rows:
            self._steps.append((self._before, actions, own, after))
            self.rows += rows
            self._counted += rows if self._held_out is None else self._counting(after)
        self._before = after
        return rows

    def _counting(self, after: Step) -> int:
        """Rows of a step that count to the quota."""
        assert self._held_out is not None
        counting = ~self._held_out[: self._streams]
        return int(np.count_nonzero(counting if after.valid is None else counting & after.valid))

    def _note_special(self, after: Step, late: bool) -> int:
        """Note what is special about a step that is about to be recorded. Returns the number of its rows."""
        number = len(self._steps)
        begun = self.starts
        starts = starts_after(after)
        rows = self._streams if after.valid is None else int(np.count_nonzero(after.valid))
        self.starts = starts if starts.any() else self._no_starts
        if rows and begun is not self._no_starts:
            self._begun.append((number, begun))
        if rows and after.valid is not None:
            self._partial.append(number)
        if rows and late:
            self._late.append(number)
        if rows and self.ended:
            self._ended.append(number)
        return rows

    def take(self) -> StepBatch | None:
        """All rows that wait, None if there are none. Once the quota is reached the batch is `closed`, once per model,
        even if it has no rows."""
        closes = self.quota_reached and not self._said_closed
        batch = self._batch() if self._steps else None
        self._made += self._counted
        self._taken += self.rows
        self._clear()
        if closes:
            self._said_closed = True
            batch = replace(batch or self._columns.empty(), closed=Closed(self._iteration, self._sent))
        return batch

    def _batch(self) -> StepBatch | None:
        """All waiting steps as one batch. Row i * steps + t is step t of stream i, until rows are left out."""
        real = self._real_rows()
        ends = self._ends()
        columns, sparse, unfit = self._columns.of_steps(self._steps, self._streams, real)
        kept = real
        if unfit is not None:
            fit = ~unfit.reshape(self._streams, -1)
            kept = fit if real is None else fit & real
            self.left_out += self.rows - int(np.count_nonzero(kept))
        plain = ends is None and kept is None and not self._breaks and len(self._models) == 1
        if plain and (not self._begun or self._begun[-1][0] == 0):
            table, lasts = self._plain_table()
        else:
            table, lasts = self._table(real, kept, ends)
        if not len(table):
            return None
        if self._quota < math.inf:
            counted = (table[:, ITERATION] == self._iteration) & (table[:, SOURCE] != Source.EVALUATION)
            self._sent += int(table[counted, ROWS].sum())
        # Before the rows are left out: a left-out row may be what followed the row before it.
        after = self._after(table, lasts)
        if kept is not None:
            columns, sparse = kept_rows(columns, sparse, kept.reshape(-1))
        return StepBatch(table, columns, after, sparse)

    def _plain_table(self) -> tuple[np.ndarray, np.ndarray]:
        """As `_table`, done quickly for the most frequent case: each stream is one segment."""
        times = len(self._steps)
        streams = np.arange(self._streams)
        table = np.zeros((self._streams, SEGMENT_COLUMNS), np.int64)
        table[:, STREAM] = streams
        table[:, POSITION] = self._next_position[: self._streams]
        table[:, ROWS] = times
        table[:, ITERATION] = self._iteration
        table[:, SOURCE] = self._source
        if self._begun:
            table[:, START] = self._begun[0][1]
        self._next_position[: self._streams] += times
        return table, (streams + 1) * times - 1

    def _real_rows(self) -> np.ndarray | None:
        """bool (streams, steps), False where a step only reset the environment; None if no step did."""
        if not self._partial:
            return None
        real = np.ones((self._streams, len(self._steps)), np.bool_)
        for time in self._partial:
            real[:, time] = self._steps[time][3].valid
        return real

    def _table(
        self, real: np.ndarray | None, kept: np.ndarray | None, ends: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The table of segments (segments, 7) of the rows that are kept, and the number of each segment's last row
        among all rows. A segment begins with a stream, an episode or a model, and after an end, a break or a row that
        is left out.

        Args:
            real: bool (streams, steps), steps that are transitions; None: all.
            kept: bool (streams, steps), those of them that fit, too; None: all.
            ends: uint8 (streams, steps), `End` of each step; None: all go on.
        """
        streams = self._streams
        times = len(self._steps)
        starts = np.zeros((streams, times), np.bool_)
        for begin, which in self._begun:
            starts[:, begin] = which
        first = starts.copy()
        for begin in (0, *self._breaks, *(since for since, _ in self._models)):
            first[:, begin : begin + 1] = True  # a slice, since a break may lie behind the last step
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
            # Each segment reaches up to the kept row with which the next one begins.
            bounds = np.append(np.searchsorted(all_rows, at), len(all_rows))
            rows = bounds[1:] - bounds[:-1]
            lasts = all_rows[bounds[1:] - 1]
        stream = at // times
        time = at - stream * times
        table = np.zeros((len(at), SEGMENT_COLUMNS), np.int64)
        table[:, STREAM] = stream
        table[:, POSITION] = self._positions(real, stream, time)
        table[:, ROWS] = rows
        table[:, ITERATION] = self._iterations(time)
        table[:, SOURCE] = self._source[stream] if isinstance(self._source, np.ndarray) else self._source
        table[:, START] = starts.reshape(-1)[at]
        if ends is not None:
            table[:, END] = ends.reshape(-1)[lasts]
        return table, lasts

    def _ends(self) -> np.ndarray | None:
        """uint8 (streams, steps), `End` of each row; None if all go on."""
        if not self._ended and not self._late:
            return None
        ends = np.zeros((self._streams, len(self._steps)), np.uint8)
        # The order matters: a termination wins over a truncation, and a late step is not learned from in any case.
        for time in self._ended:
            after = self._steps[time][3]
            ends[after.truncated, time] = End.TRUNCATED
            ends[after.terminated, time] = End.TERMINATED
        ends[:, self._late] = End.DISCARDED
        return ends

    def _positions(self, real: np.ndarray | None, stream: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Position in its stream of each of these steps (n,), and move the streams' next positions on.

        Rows that are left out keep their position, which readers then see as a break. A step that only reset the
        environment takes none: nothing was lost there.
        """
        following = self._next_position[: self._streams]
        positions = following[stream] + time
        if real is not None:
            resets = np.cumsum(~real, axis=1)
            positions -= resets[stream, time]
            following -= resets[:, -1]
        following += len(self._steps) + len(self._breaks)
        return positions + np.searchsorted(self._breaks, time, "right") if self._breaks else positions

    def _iterations(self, time: np.ndarray) -> np.ndarray | int:
        """Iteration of the model that chose the actions of each of these steps (n,)."""
        if len(self._models) == 1:
            return self._iteration
        since, iterations = np.array(self._models, np.int64).T
        return iterations[np.searchsorted(since, time, "right") - 1]

    def _after(self, table: np.ndarray, lasts: np.ndarray) -> Arrays:
        """What followed the last row of each segment that needs it. Where that does not fit, the row is discarded."""
        needing = np.flatnonzero(has_after(table))
        times = len(self._steps)
        newest = self._steps[-1][3]
        stream, time = np.divmod(lasts[needing], times)
        # The most frequent case: every stream goes on behind the newest step, whose arrays are taken as they are.
        if len(needing) == self._streams and not newest.final and (time == times - 1).all():
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
    """bool (streams,), the same array for each call. It cannot be written to, since it is shared.

    That `starts` is this very array is how `record` notices, without looking at values, that no episode begins.
    """
    array = np.full(streams, value)
    array.flags.writeable = False
    return array
