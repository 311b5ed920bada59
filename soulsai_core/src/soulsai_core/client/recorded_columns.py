"""From the arrays of many steps to columns of rows, and which rows do not fit what was declared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from soulsai_core.client.origins import UNNAMED, origin
from soulsai_core.messages import Arrays, ArraySpec, Step
from soulsai_core.steps import (
    ACTION,
    DURATION,
    MASK,
    REWARD,
    SEGMENT_COLUMNS,
    ColumnCheck,
    Sparse,
    StepBatch,
)

RecordedStep = tuple[Step, np.ndarray, Arrays, Step]
"""One step of all streams: what was acted on, the actions, the own columns, and the step that followed."""

_dtype_of = attrgetter("dtype")


class RecordedColumns:
    """Puts together the columns of recorded steps. Row i * steps + t is step t of stream i.

    A row with a wrong value must not cost the message: it is found here, so that the recorder leaves it out, and the
    player reads one sentence about it.

    Args:
        columns: of recorded rows. Actions, rewards and durations are cast to their dtypes; others must have them.
        observations: which of them are parts of the observation.
        on_unfit: takes a sentence about the first value of each column that does not fit.
        owners: names of the "algorithm" and the "environment" for these sentences.
    """

    def __init__(
        self,
        columns: Mapping[str, ArraySpec],
        observations: Collection[str],
        on_unfit: Callable[[str], object],
        owners: Mapping[str, str] = UNNAMED,
    ) -> None:
        self._parts = tuple(name for name in columns if name in observations)
        self._masked = MASK in columns
        self._sparse = tuple(name for name, spec in columns.items() if spec.sparse)
        others = {*self._parts, *self._sparse, MASK, ACTION, REWARD, DURATION}
        self._own = tuple(name for name in columns if name not in others)
        self._timed = DURATION in columns
        self._checks = {name: ColumnCheck.of(name, spec) for name, spec in columns.items()}
        self._on_unfit = on_unfit
        self._owners = owners
        self._reported = set[str]()

    def empty(self) -> StepBatch:
        """A batch without rows."""
        columns = {name: np.zeros((0, *check.shape), check.dtype) for name, check in self._checks.items()}
        sparse = {name: Sparse(np.zeros(0, np.int64), columns.pop(name)) for name in self._sparse}
        after = {name: column for name, column in columns.items() if name in self._parts or name == MASK}
        return StepBatch(np.zeros((0, SEGMENT_COLUMNS), np.int64), columns, after, sparse)

    def of_steps(
        self, steps: Sequence[RecordedStep], streams: int, real: np.ndarray | None
    ) -> tuple[Arrays, dict[str, Sparse], np.ndarray | None]:
        """Columns of all rows, sparse columns, and bool (rows,), which rows do not fit; None if all fit.

        Args:
            real: bool (streams, steps), False where a step only reset the environment: it is no row, and its values
                are not checked. None: all are rows.
        """
        befores, actions, owns, afters = zip(*steps, strict=True)
        arrays = self._observed(befores, streams)
        arrays[ACTION] = actions
        arrays[REWARD] = [step.rewards for step in afters]
        if self._timed:
            arrays[DURATION] = [step.durations for step in afters]
        for name in self._own:
            arrays[name] = [own.get(name) for own in owns]
        columns, unfit = self._checked_columns(arrays, streams, real=None if real is None else real.reshape(-1))
        sparse = {}
        for name in self._sparse:
            times = [time for time, own in enumerate(owns) if name in own]
            there = None if real is None else real[:, times].reshape(-1)
            values, wrong = self._checked_column(name, [owns[time][name] for time in times], streams, real=there)
            rows = (np.arange(streams)[:, None] * len(steps) + np.array(times, np.int64)).reshape(-1)
            sparse[name] = Sparse(rows, values)
            if wrong is not None:
                unfit = _either(unfit, np.isin(np.arange(streams * len(steps)), rows[wrong]))
        return columns, sparse, unfit

    def of_newest(self, step: Step, streams: int) -> tuple[Arrays, np.ndarray | None]:
        """Observation and mask of a step (streams, *shape), and bool (streams,), which do not fit; None if all fit."""
        return self._checked_columns(self._observed([step], streams), streams)

    def of_ends(self, ends: Sequence[tuple[Step, int]]) -> tuple[Arrays, np.ndarray | None]:
        """Observation and mask (n, *shape) to which n pairs (step, stream) led, and bool (n,), which do not fit; None
        if all fit. Where an episode ended it is the final observation, not the first one of the next episode."""
        arrays: dict[str, Sequence[Any]] = {
            name: [_observation_after(name, step, stream) for step, stream in ends] for name in self._parts
        }
        if self._masked:
            arrays[MASK] = [self._mask_after(step, stream) for step, stream in ends]
        return self._checked_columns(arrays, 1, [stream for _, stream in ends])

    def _observed(self, steps: Sequence[Step], streams: int) -> dict[str, Sequence[Any]]:
        """The arrays of each column of the observation. No mask means that all actions are valid."""
        arrays: dict[str, Sequence[Any]] = {name: [s.observations.get(name) for s in steps] for name in self._parts}
        if self._masked:
            arrays[MASK] = [self._all_valid(streams) if step.masks is None else step.masks for step in steps]
        return arrays

    def _mask_after(self, step: Step, stream: int) -> np.ndarray:
        mask = step.final_masks.get(stream) if stream in step.final else _row(step.masks, stream)
        return self._all_valid(1) if mask is None else mask.reshape(1, -1)

    def _all_valid(self, streams: int) -> np.ndarray:
        return np.ones((streams, *self._checks[MASK].shape), np.bool_)

    def _checked_columns(
        self,
        arrays_of: Mapping[str, Sequence[Any]],
        streams: int,
        stream_of: Sequence[int] | None = None,
        real: np.ndarray | None = None,
    ) -> tuple[Arrays, np.ndarray | None]:
        """All these columns, and bool (rows,), which rows do not fit in one of them; None if all fit."""
        columns = {}
        unfit = None
        for name, arrays in arrays_of.items():
            columns[name], wrong = self._checked_column(name, arrays, streams, stream_of, real)
            unfit = _either(unfit, wrong)
        return columns, unfit

    def _checked_column(
        self,
        name: str,
        arrays: Sequence[Any],
        streams: int,
        stream_of: Sequence[int] | None = None,
        real: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The rows of these arrays (streams, *shape), stream after stream, and bool (rows,), which of them do not fit;
        None if all fit.

        Args:
            stream_of: the stream of each array, where each has one row and they are of several streams.
            real: bool (rows,), rows that are checked; None: all.
        """
        check = self._checks[name]
        malformed = None
        column = _stacked(check, arrays, streams)
        if column is None:
            # An array of a wrong form spoils only its own step: zeros stand in for it, and its rows do not fit.
            malformed = np.array([_form_error(check, array, streams) is not None for array in arrays])
            blank = np.zeros((streams, *check.shape), check.dtype)
            replaced = [blank if bad else array for bad, array in zip(malformed, arrays, strict=True)]
            dtype, _ = _checked_as(check)
            column = _stacked(check, [np.asarray(array, dtype, order="C") for array in replaced], streams)
            assert column is not None
        unfit = check.unfit_rows(column)
        if malformed is not None and malformed.any():
            unfit = _either(unfit, np.tile(malformed, streams))
        if unfit is not None and real is not None:
            unfit &= real
        if unfit is not None and name not in self._reported and unfit.any():
            self._reported.add(name)
            row = int(np.argmax(unfit))
            stream, time = divmod(row, len(arrays))
            error = _form_error(check, arrays[time], streams) or check.describe_unfit(column[row])
            environment = stream if stream_of is None else stream_of[row]
            self._on_unfit(
                f"Rows whose {name} does not fit are not learned from: in environment {environment} {error}. "
                f"{origin(name, self._parts, self._owners)}"
            )
        return column.astype(check.dtype, copy=False), unfit


def kept_rows(columns: Arrays, sparse: Mapping[str, Sparse], kept: np.ndarray) -> tuple[Arrays, dict[str, Sparse]]:
    """The rows where bool (rows,) is true; sparse columns are renumbered."""
    new_number = np.cumsum(kept) - 1
    fewer = {}
    for name, column in sparse.items():
        there = kept[column.rows]
        fewer[name] = Sparse(new_number[column.rows[there]], column.values[there])
    return {name: column[kept] for name, column in columns.items()}, fewer


def _either(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    """Where one of the two is true; None is false everywhere."""
    if one is None or other is None:
        return other if one is None else one
    return one | other


def _row(array: np.ndarray | None, row: int) -> np.ndarray | None:
    return None if array is None else array[row : row + 1]


def _observation_after(name: str, step: Step, stream: int) -> np.ndarray | None:
    """The part (1, *shape) of the observation to which the step led in this stream."""
    if stream not in step.final:
        return _row(step.observations.get(name), stream)
    final = step.final[stream].get(name)
    return None if final is None else np.asarray(final)[None]


def _checked_as(check: ColumnCheck) -> tuple[np.dtype[Any], Any]:
    """In which dtype a column is checked, and how arrays may be cast to it. Actions get their small dtype only after
    the check: as uint8, 256 would already have become the valid action 0."""
    if check.name == ACTION and check.dtype.kind in "iu":
        return np.dtype(np.int64), "same_kind"
    return check.dtype, "same_kind" if check.name in (ACTION, REWARD, DURATION) else "equiv"


def _stacked(check: ColumnCheck, arrays: Sequence[Any], streams: int) -> np.ndarray | None:
    """The arrays as rows, stream after stream; None if something is no array, or has another dtype or size."""
    wanted, casting = _checked_as(check)
    if not arrays:
        return np.zeros((0, *check.shape), wanted)
    try:
        dtypes = list(map(_dtype_of, arrays))
        # Joining the bytes: numpy's own functions take four times as long for small arrays.
        joined = np.frombuffer(b"".join(arrays), dtypes[0])
        column = joined.reshape(len(arrays), streams, *check.shape)
    except (AttributeError, BufferError, TypeError, ValueError):
        return None
    if dtypes.count(dtypes[0]) < len(dtypes) or not np.can_cast(dtypes[0], wanted, casting):
        return None
    # Arrays come step after step, messages are stream after stream.
    return column.swapaxes(0, 1).reshape(-1, *check.shape).astype(wanted, copy=False)


def _form_error(check: ColumnCheck, array: Any, streams: int) -> str | None:
    """What is wrong with the dtype or shape of one array (streams, *shape), as part of a sentence; None if nothing."""
    dtype, casting = _checked_as(check)
    if not isinstance(array, np.ndarray):
        return f"it is {'missing' if array is None else f'a {type(array).__name__}'}"
    if array.shape == (streams, *check.shape) and np.can_cast(array.dtype, dtype, casting):
        return None
    return f"it is {array.dtype} of the shape {array.shape[1:]}, where {check.dtype} of {check.shape} is declared"
