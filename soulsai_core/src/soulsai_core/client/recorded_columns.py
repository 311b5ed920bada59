"""From the arrays of many steps to columns of rows, and which rows do not fit what was declared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from soulsai_core.messages import Arrays, ArraySpec, Step
from soulsai_core.steps import ACTION, DURATION, MASK, REWARD, Sparse, StepBatch
from soulsai_core.steps.columns import ColumnCheck

MadeStep = tuple[Step, np.ndarray, Arrays, Step]
"""One step of all streams: what was acted on, the actions and own columns that this gave, and what they led to."""

_DTYPE = attrgetter("dtype")


class RecordedColumns:
    """Puts together the columns of recorded steps. Row i * steps + t is step t of stream i.

    Args:
        columns: of recorded rows. Actions, rewards and durations are converted to their dtypes; others must have them.
        observations: which of them are parts of the observation.
        told: takes a sentence about the first value of each column that does not fit.
    """

    def __init__(
        self, columns: Mapping[str, ArraySpec], observations: Collection[str], told: Callable[[str], object]
    ) -> None:
        self._parts = tuple(name for name in columns if name in observations)
        self._masked = MASK in columns
        self._sparse = tuple(name for name, spec in columns.items() if spec.sparse)
        others = {*self._parts, *self._sparse, MASK, ACTION, REWARD, DURATION}
        self._own = tuple(name for name in columns if name not in others)
        self._timed = DURATION in columns
        self._checks = {name: ColumnCheck.of(name, spec) for name, spec in columns.items()}
        self._told = told
        self._said = set[str]()

    def empty(self) -> StepBatch:
        """No rows."""
        columns = {name: np.zeros((0, *check.shape), check.dtype) for name, check in self._checks.items()}
        sparse = {name: Sparse(np.zeros(0, np.int64), columns.pop(name)) for name in self._sparse}
        after = {name: column for name, column in columns.items() if name in self._parts or name == MASK}
        return StepBatch(np.zeros((0, 7), np.int64), columns, after, sparse)

    def of_steps(
        self, steps: Sequence[MadeStep], streams: int, made: np.ndarray | None
    ) -> tuple[Arrays, dict[str, Sparse], np.ndarray | None]:
        """Columns of all rows, sparse columns, and bool (rows,), which rows do not fit; None if all do.

        Args:
            made: bool (streams, steps), False for rows that are none and fit anyway; None if there are none of them.
        """
        befores, actions, owns, afters = zip(*steps, strict=True)
        parts = self._observed(befores, streams)
        parts[ACTION] = actions
        parts[REWARD] = [step.rewards for step in afters]
        if self._timed:
            parts[DURATION] = [step.durations for step in afters]
        for name in self._own:
            parts[name] = [own.get(name) for own in owns]
        columns, unfit = self._fitted(parts, streams, made=None if made is None else made.reshape(-1))
        sparse = {}
        for name in self._sparse:
            times = [time for time, own in enumerate(owns) if name in own]
            there = None if made is None else made[:, times].reshape(-1)
            values, bad = self._column(name, [owns[time][name] for time in times], streams, made=there)
            rows = (np.arange(streams)[:, None] * len(steps) + np.array(times, np.int64)).reshape(-1)
            sparse[name] = Sparse(rows, values)
            if bad is not None:
                unfit = _either(unfit, np.isin(np.arange(streams * len(steps)), rows[bad]))
        return columns, sparse, unfit

    def of_newest(self, step: Step, streams: int) -> tuple[Arrays, np.ndarray | None]:
        """Observation and mask of a step (streams, *shape), and bool (streams,), which do not fit; None if all do."""
        return self._fitted(self._observed([step], streams), streams)

    def of_ends(self, ends: Sequence[tuple[Step, int]]) -> tuple[Arrays, np.ndarray | None]:
        """Likewise, what each of these steps led to in that stream: what was final where an episode ended."""
        parts: dict[str, Sequence[Any]] = {
            name: [_observation_after(name, step, stream) for step, stream in ends] for name in self._parts
        }
        if self._masked:
            parts[MASK] = [self._mask_after(step, stream) for step, stream in ends]
        return self._fitted(parts, 1, [stream for _, stream in ends])

    def _observed(self, steps: Sequence[Step], streams: int) -> dict[str, Sequence[Any]]:
        """The arrays of each column of the observation. No mask means that all actions are valid."""
        parts: dict[str, Sequence[Any]] = {name: [s.observations.get(name) for s in steps] for name in self._parts}
        if self._masked:
            parts[MASK] = [self._all_valid(streams) if step.masks is None else step.masks for step in steps]
        return parts

    def _mask_after(self, step: Step, stream: int) -> np.ndarray:
        mask = step.final_masks.get(stream) if stream in step.final else _row(step.masks, stream)
        return self._all_valid(1) if mask is None else mask.reshape(1, -1)

    def _all_valid(self, streams: int) -> np.ndarray:
        return np.ones((streams, *self._checks[MASK].shape), np.bool_)

    def _fitted(
        self,
        parts: Mapping[str, Sequence[Any]],
        streams: int,
        places: Sequence[int] | None = None,
        made: np.ndarray | None = None,
    ) -> tuple[Arrays, np.ndarray | None]:
        """All these columns, and bool (rows,), which rows do not fit in one of them; None if all do."""
        columns = {}
        unfit = None
        for name, arrays in parts.items():
            columns[name], bad = self._column(name, arrays, streams, places, made)
            unfit = _either(unfit, bad)
        return columns, unfit

    def _column(
        self,
        name: str,
        parts: Sequence[Any],
        streams: int,
        places: Sequence[int] | None = None,
        made: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The rows of these arrays (streams, *shape), stream after stream, and bool (rows,), which of them do not fit;
        None if all do.

        Args:
            places: the stream of each array of one row, where they are of several.
            made: bool (rows,), rows that have to fit; None: all.
        """
        check = self._checks[name]
        wrong = None
        column = _stacked(check, parts, streams)
        if column is None:
            wrong = np.array([_form_flaw(check, part, streams) is not None for part in parts])
            blank = np.zeros((streams, *check.shape), check.dtype)
            mended = [blank if bad else part for bad, part in zip(wrong, parts, strict=True)]
            column = _stacked(check, [np.asarray(part, _taken_as(check)[0], order="C") for part in mended], streams)
            assert column is not None
        unfit = check.unfit_rows(column)
        if wrong is not None and wrong.any():
            unfit = _either(unfit, np.tile(wrong, streams))
        if unfit is not None and made is not None:
            unfit &= made
        if unfit is not None and name not in self._said and unfit.any():
            self._said.add(name)
            row = int(np.argmax(unfit))
            stream, time = divmod(row, len(parts))
            flaw = _form_flaw(check, parts[time], streams) or check.explained(column[row])
            place = stream if places is None else places[row]
            self._told(f"Rows whose {name} does not fit are not learned from: in environment {place} {flaw}.")
        return column.astype(check.dtype, copy=False), unfit


def kept_rows(columns: Arrays, sparse: Mapping[str, Sparse], kept: np.ndarray) -> tuple[Arrays, dict[str, Sparse]]:
    """The rows where bool (rows,) is true."""
    place = np.cumsum(kept) - 1
    fewer = {}
    for name, column in sparse.items():
        there = kept[column.rows]
        fewer[name] = Sparse(place[column.rows[there]], column.values[there])
    return {name: column[kept] for name, column in columns.items()}, fewer


def _either(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    if one is None or other is None:
        return other if one is None else one
    return one | other


def _row(array: np.ndarray | None, row: int) -> np.ndarray | None:
    return None if array is None else array[row : row + 1]


def _observation_after(name: str, step: Step, stream: int) -> np.ndarray | None:
    """Of shape (1, *shape)."""
    if stream not in step.final:
        return _row(step.observations.get(name), stream)
    final = step.final[stream].get(name)
    return None if final is None else np.asarray(final)[None]


def _taken_as(check: ColumnCheck) -> tuple[np.dtype[Any], Any]:
    """In which dtype a column is looked at, and how arrays may be cast to it. Actions are made small only afterwards,
    since 256 would become the action 0."""
    if check.name == ACTION and check.dtype.kind in "iu":
        return np.dtype(np.int64), "same_kind"
    return check.dtype, "same_kind" if check.name in (ACTION, REWARD, DURATION) else "equiv"


def _stacked(check: ColumnCheck, parts: Sequence[Any], streams: int) -> np.ndarray | None:
    """The arrays as rows, stream after stream; None if one of them is none, or has another dtype or size."""
    wanted, casting = _taken_as(check)
    if not parts:
        return np.zeros((0, *check.shape), wanted)
    try:
        dtypes = list(map(_DTYPE, parts))
        joined = np.frombuffer(b"".join(parts), dtypes[0])  # numpy's way takes four times as long for small arrays
        column = joined.reshape(len(parts), streams, *check.shape)
    except (AttributeError, BufferError, TypeError, ValueError):
        return None
    if dtypes.count(dtypes[0]) < len(dtypes) or not np.can_cast(dtypes[0], wanted, casting):
        return None
    return column.swapaxes(0, 1).reshape(-1, *check.shape).astype(wanted, copy=False)


def _form_flaw(check: ColumnCheck, part: Any, streams: int) -> str | None:
    """What is wrong with the dtype or shape of one array (streams, *shape), None if nothing is."""
    dtype, casting = _taken_as(check)
    if not isinstance(part, np.ndarray):
        return f"it is {'missing' if part is None else f'a {type(part).__name__}'}"
    if part.shape == (streams, *check.shape) and np.can_cast(part.dtype, dtype, casting):
        return None
    return f"it is {part.dtype} of the shape {part.shape[1:]}, where {check.dtype} of {check.shape} is declared"
