"""Recorded steps: the one form in which clients send experience, and from which every algorithm learns.

A row is one environment step: what was observed, the action, the reward, and whether actions were valid. What is the
same for consecutive rows is kept once, in a table of segments. Returns, stacks and sequences are ways of reading rows;
they are the learner's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from soulsai_core.messages import ActionSpec, Arrays, ArraySpec, Continuous, Discrete, EnvSpec, MultiDiscrete, Step
from soulsai_core.observations.bounds import tolerated_bounds

ACTION = "action"
REWARD = "reward"
MASK = "mask"
DURATION = "duration"
"""Length of a step in usual steps, where the environment reports it; a discount is then gamma ** duration."""

STREAM, POSITION, ROWS, ITERATION, SOURCE, START, END = range(7)
"""Columns of the table of segments."""

_LIMIT = 2**53

# Plain numbers: compared with members of an IntEnum, arrays take five times as long.
_GOES_ON, _TERMINATED, _TRUNCATED, _DISCARDED = range(4)
_CONTINUABLE = (_GOES_ON, _DISCARDED)
_VALUE_GOES_ON = np.array([True, False, True, False])
_LAST_SOURCE = 3


class End(IntEnum):
    """What became of the last row of a segment."""

    GOES_ON = 0
    TERMINATED = 1
    TRUNCATED = 2
    """The environment cut the episode: its value goes on (Pardo et al. 2018)."""
    DISCARDED = 3
    """The step was late or its successor unfit: what was observed may be read, its reward and successor may not."""


class Source(IntEnum):
    """Who chose the actions."""

    AGENT = 0
    EVALUATION = 1
    PERSON = 2
    SCRIPT = 3


class Sparse(NamedTuple):
    """An own column that only some rows have: int64 (m,) row numbers in ascending order, and their (m, *shape)."""

    rows: np.ndarray
    values: np.ndarray


class Closed(NamedTuple):
    """A client has made all rows that it may make with the model of `iteration`: so many, sent in all its messages."""

    iteration: int
    rows: int


@dataclass(frozen=True, slots=True)
class Transitions:
    """One-step transitions, each complete by itself.

    Attributes:
        observations, next_observations: name -> (n, *shape). After a termination the next observation has no meaning.
        actions: (n, *action shape).  rewards: float32 (n,), as the environment gave them.
        terminated: bool (n,).  ended: bool (n,), terminated or truncated.
        durations: float32 (n,) of the steps in usual steps, None where the environment does not report them.
        masks, next_masks: bool (n, actions) of valid actions at the two observations, None where unmasked.
        iteration: int64 (n,), the model that chose each action.
        own: name -> (n, *shape), the actor's own columns, without those that only some rows have.
    """

    observations: Arrays
    actions: np.ndarray
    rewards: np.ndarray
    terminated: np.ndarray
    ended: np.ndarray
    next_observations: Arrays
    iteration: np.ndarray
    masks: np.ndarray | None = None
    next_masks: np.ndarray | None = None
    durations: np.ndarray | None = None
    own: Arrays = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rewards)


@dataclass(frozen=True, slots=True)
class StepBatch:
    """Steps of one client: stream after stream, each in the order of time. A stream is one of its environments.

    Attributes:
        segments: int64 (segments, 7), whose columns are STREAM, the POSITION of the first row in its stream, ROWS,
            the ITERATION of the model that acted, SOURCE (`Source`), START (1 if its first row begins an episode) and
            END (`End` of its last row). A position that is left out is a break: rows were lost, or never made.
        columns: name -> (rows, *shape): the observation's parts, "action", "reward", "mask" and "duration" where the
            environment has them, and the actor's own.
        after: name -> (k, *shape), observation and mask that followed the last row of each segment for which
            `has_after` holds: with it every row that is not discarded has what followed it.
        sparse: own columns that only some rows have.
        closed: the client waits for newer weights, None while it does not.
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
        """int64 (segments,), the row with which each segment begins."""
        rows = self.segments[:, ROWS]
        return rows.cumsum() - rows

    @property
    def lasts(self) -> np.ndarray:
        """int64 (segments,), the row with which each segment ends."""
        return self.segments[:, ROWS].cumsum() - 1

    def of_rows(self, column: int) -> np.ndarray:
        """int64 (rows,), a column of the table for each row: STREAM, ITERATION or SOURCE."""
        return np.repeat(self.segments[:, column], self.segments[:, ROWS])

    @property
    def positions(self) -> np.ndarray:
        """int64 (rows,), the position of each row in its stream."""
        return np.arange(len(self)) + np.repeat(self.segments[:, POSITION] - self.firsts, self.segments[:, ROWS])

    @property
    def starts(self) -> np.ndarray:
        """bool (rows,), the row begins an episode."""
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
        """bool (segments,), the next segment's first row follows this one's last: same stream, episode and no break."""
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
        """The same rows in other columns, for learners that keep features of them."""
        return StepBatch(self.segments, columns, after, self.sparse, self.closed)

    def select(self, keep: np.ndarray) -> StepBatch:
        """The segments where bool (segments,) is true. The first observation that falls away becomes the `after` of the
        row before it."""
        if keep.all():
            return self
        bounds = [(int(a), int(b) + 1) for a, b in zip(self.firsts[keep], self.lasts[keep], strict=True)]
        return self._taken(np.flatnonzero(keep), self.segments[keep], bounds)

    def part(self, start: int, stop: int) -> StepBatch:
        """Rows start .. stop - 1, likewise. `closed` stays with the last row."""
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
        taken = self._taken(inside, table, bounds)
        return taken if stop >= len(self) else replace(taken, closed=None)

    def split(self, rows: int) -> Iterator[StepBatch]:
        """In order, in parts of at most so many rows."""
        if len(self) <= rows:
            yield self
            return
        for start in range(0, len(self), rows):
            yield self.part(start, start + rows)

    def _taken(self, origin: np.ndarray, table: np.ndarray, bounds: list[tuple[int, int]]) -> StepBatch:
        """The rows within these bounds, where segment i of `table` is a piece of segment origin[i] of this batch."""
        rows = np.concatenate([np.zeros(0, np.int64), *(np.arange(a, b) for a, b in bounds)])
        columns = {name: column[rows] for name, column in self.columns.items()}
        return StepBatch(table, columns, self._after_of(origin, table, bounds), self._sparse_of(rows), self.closed)

    def _after_of(self, origin: np.ndarray, table: np.ndarray, bounds: list[tuple[int, int]]) -> Arrays:
        """What followed these pieces: an entry of `after`, or the first row that falls away."""
        own = self.has_after
        entry = np.cumsum(own) - 1
        wanted = np.flatnonzero(has_after(table))
        after = {name: np.empty((len(wanted), *kept.shape[1:]), kept.dtype) for name, kept in self.after.items()}
        lasts = self.lasts
        for place, piece in enumerate(wanted):
            segment = origin[piece]
            end = bounds[piece][1]
            follows = own[segment] and end == lasts[segment] + 1
            for name, kept in after.items():
                kept[place] = self.after[name][entry[segment]] if follows else self.columns[name][end]
        return after

    def _sparse_of(self, rows: np.ndarray) -> dict[str, Sparse]:
        place = np.full(len(self), -1)
        place[rows] = np.arange(len(rows))
        kept = {}
        for name, column in self.sparse.items():
            there = place[column.rows] >= 0
            kept[name] = Sparse(place[column.rows[there]], column.values[there])
        return kept

    # -- one way of reading it

    def transitions(self) -> Transitions:
        """All rows but discarded ones as one-step transitions."""
        rows = len(self)
        following = np.arange(1, rows + 1)
        own = self.has_after
        following[self.lasts[own]] = rows + np.arange(int(own.sum()))
        following[self.lasts[~own & ~self.continued]] = 0  # terminated: any row will do
        ends = self.ends
        chosen = np.flatnonzero(ends != _DISCARDED)
        shared = (*self.after, ACTION, REWARD, DURATION)
        after = {n: np.concatenate([self.columns[n], kept])[following[chosen]] for n, kept in self.after.items()}
        of = {name: column[chosen] for name, column in self.columns.items()}
        return Transitions(
            observations={name: of[name] for name in self.after if name != MASK},
            actions=of[ACTION],
            rewards=of[REWARD],
            terminated=ends[chosen] == _TERMINATED,
            ended=ends[chosen] != _GOES_ON,
            next_observations={name: rows for name, rows in after.items() if name != MASK},
            iteration=self.of_rows(ITERATION)[chosen],
            masks=of.get(MASK),
            next_masks=after.get(MASK),
            durations=of.get(DURATION),
            own={name: column for name, column in of.items() if name not in shared},
        )


def starts_after(step: Step) -> np.ndarray:
    """bool (n,), in which environments an episode begins with the observation of this step: their last one has just
    ended, or was reset in the step."""
    if step.valid is None and not step.final:
        return np.zeros(len(step.rewards), np.bool_)
    starts = np.zeros(len(step.rewards), np.bool_) if step.valid is None else ~step.valid
    starts[list(step.final)] = True
    return starts


def continued(segments: np.ndarray) -> np.ndarray:
    """bool (segments,) for a table (segments, 7): the next segment's first row follows this one's last."""
    found = np.zeros(len(segments), np.bool_)
    for segment, pair in enumerate(pairwise(segments.tolist())):
        found[segment] = follows(*pair)
    return found


def follows(segment: list[int], following: list[int]) -> bool:
    """The first row of a segment follows the last one of the segment before it in a table."""
    return (
        segment[POSITION] + segment[ROWS] == following[POSITION]
        and segment[STREAM] == following[STREAM]
        and not following[START]
        and segment[END] in _CONTINUABLE
    )


def has_after(segments: np.ndarray) -> np.ndarray:
    """bool (segments,) for a table (segments, 7): what followed its last row is an entry of `after`. A terminated row
    has no value after it, and what followed a discarded one may not be read."""
    return _VALUE_GOES_ON[segments[:, END]] & ~continued(segments)


def flaw(segments: np.ndarray, rows: int, max_streams: int) -> str | None:
    """What is wrong with a table (segments, 7) of so many rows in all, None if nothing is."""
    made = here = free = 0
    for stream, position, count, iteration, source, start, end in segments.tolist():  # few: arrays would take longer
        if stream < 0 or not 0 <= position < _LIMIT or not 0 <= iteration < _LIMIT:
            return "a number of the table of segments is out of range"
        if stream >= max_streams:
            return f"stream {stream}, where a client has at most {max_streams}"
        if not 0 <= source <= _LAST_SOURCE or not 0 <= start <= 1 or not 0 <= end <= _DISCARDED:
            return "start, source or end of a segment is none that there is"
        if not 0 < count <= rows:
            return f"the segments do not make {rows} rows"
        if stream < here or (stream == here and position < free):
            return "the segments are not stream after stream in the order of time"
        made = made + count
        here = stream
        free = position + count
    return None if made == rows else f"the segments do not make {rows} rows"


def step_columns(spec: EnvSpec, own: Mapping[str, ArraySpec], max_value: float) -> dict[str, ArraySpec]:
    """The columns of recorded steps, with the bounds within which values are believed.

    Args:
        own: the actor's own columns, as its plugin declares them.
        max_value: largest magnitude of real numbers wherever there are no other bounds.
    """
    columns = {name: _observed(part) for name, part in spec.observations.items()}
    columns |= {ACTION: action_column(spec.action), REWARD: ArraySpec((), "float32")}
    if spec.masked and isinstance(spec.action, Discrete):
        columns[MASK] = ArraySpec((spec.action.n,), "bool")
    if spec.timed:
        columns[DURATION] = ArraySpec((), "float32", 0.0, max_value)
    taken = sorted(columns.keys() & own.keys())
    if taken:
        raise ValueError(f"the own column {taken[0]!r} has the name of one that every step has")
    return {name: _bounded(part, max_value) for name, part in {**columns, **own}.items()}


def action_column(action: ActionSpec) -> ArraySpec:
    """How an action is recorded: in the smallest integers that hold it, or as float32."""
    match action:
        case Discrete(n=n):
            return ArraySpec((), _smallest(n), 0, n - 1)
        case MultiDiscrete(nvec=nvec):
            return ArraySpec((len(nvec),), _smallest(max(nvec)), 0, max(nvec) - 1)
        case Continuous(shape=shape):
            return ArraySpec(shape, "float32")


def _smallest(choices: int) -> str:
    return str(np.min_scalar_type(max(choices - 1, 0)))


def _observed(part: ArraySpec) -> ArraySpec:
    """Bounds of real numbers are tolerant; those of integers count where they say more than the dtype does."""
    dtype = np.dtype(part.dtype)
    if dtype.kind == "f":
        return ArraySpec(part.shape, part.dtype, *tolerated_bounds([part]))
    if dtype.kind == "b" or (part.low, part.high) == (np.iinfo(dtype).min, np.iinfo(dtype).max):
        return ArraySpec(part.shape, part.dtype)
    return part


def _bounded(part: ArraySpec, max_value: float) -> ArraySpec:
    if np.dtype(part.dtype).kind != "f" or not np.isfinite(max_value):
        return part
    low = -max_value if part.low is None else part.low
    high = max_value if part.high is None else part.high
    return ArraySpec(part.shape, part.dtype, low, high, part.sparse)
