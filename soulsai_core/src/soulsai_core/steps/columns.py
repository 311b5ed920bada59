"""The columns of recorded steps: their names, their specs, and the check that values are what was declared.

The node checks each message before it learns from it. Clients apply the very same check to their rows before they send
them, so a rejected value is noticed where it was made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from soulsai_core.errors import WireError
from soulsai_core.messages import ActionSpec, ArraySpec, Continuous, Discrete, EnvSpec, MultiDiscrete
from soulsai_core.numerics.bounds import tolerated_bounds

ACTION = "action"
REWARD = "reward"
MASK = "mask"
DURATION = "duration"
"""Length of a step in usual steps, where the environment reports it; a discount is then gamma ** duration."""

# With fewer numbers than these, numpy keeps the interpreter's lock: to get it back may take longer than all the rest.
_FEW_NUMBERS = 500

# Up to this many numbers, as in messages of a few rows, Python's own functions take a fraction of the time of numpy's.
_VERY_FEW_NUMBERS = 64


def step_columns(spec: EnvSpec, own: Mapping[str, ArraySpec], max_value: float) -> dict[str, ArraySpec]:
    """The columns of recorded steps, with the bounds within which values are accepted.

    Args:
        own: the actor's own columns, as its plugin declares them.
        max_value: largest magnitude of real numbers for which there are no narrower bounds.
    """
    columns = {name: _observation_column(part) for name, part in spec.observations.items()}
    columns |= {ACTION: action_column(spec.action), REWARD: ArraySpec((), "float32")}
    if spec.masked and isinstance(spec.action, Discrete):
        columns[MASK] = ArraySpec((spec.action.n,), "bool")
    if spec.timed:
        columns[DURATION] = ArraySpec((), "float32", 0.0, max_value)
    taken = sorted(columns.keys() & own.keys())
    if taken:
        raise ValueError(f"the own column {taken[0]!r} has the name of a column that every step has")
    return {name: _bounded(part, max_value) for name, part in {**columns, **own}.items()}


def action_column(action: ActionSpec) -> ArraySpec:
    """How an action is recorded: in the smallest integer type that holds it, or as float32."""
    match action:
        case Discrete(n=n):
            return ArraySpec((), _smallest_integer(n), 0, n - 1)
        case MultiDiscrete(nvec=nvec):
            return ArraySpec((len(nvec),), _smallest_integer(max(nvec)), 0, max(nvec) - 1)
        case Continuous(shape=shape):
            return ArraySpec(shape, "float32")


def _smallest_integer(choices: int) -> str:
    return str(np.min_scalar_type(max(choices - 1, 0)))


def _observation_column(part: ArraySpec) -> ArraySpec:
    """Real numbers get tolerant bounds, integers keep theirs unless they say no more than the dtype."""
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


@dataclass(frozen=True, slots=True)
class ColumnCheck:
    """Checks the values of one declared column.

    Attributes:
        dtype: little-endian, as the column travels.
        shape: of one row, which has `size` numbers and `row_bytes` bytes.
        low, high: bounds within which values are accepted, None where there are none.
        near: values of a smaller magnitude are finite and within bounds; 0 if the column has no real numbers.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    size: int
    row_bytes: int
    low: float | None
    high: float | None
    near: float

    @classmethod
    def of(cls, name: str, spec: ArraySpec) -> ColumnCheck:
        """The check of a column with this spec."""
        dtype = np.dtype(spec.dtype).newbyteorder("<")
        size = math.prod(spec.shape)
        near = 0.0
        if dtype.kind == "f":
            largest = float(np.finfo(dtype).max)
            low = -largest if spec.low is None else spec.low
            high = largest if spec.high is None else spec.high
            near = max(min(-low, high, largest), 0.0)
        return cls(name, dtype, tuple(spec.shape), size, size * dtype.itemsize, spec.low, spec.high, near)

    def read(self, body: memoryview | bytes, offset: int, rows: int) -> np.ndarray:
        """The column (rows, *shape), a view of the bytes from `offset`. Raises WireError for values that do not fit."""
        flat = np.frombuffer(body, self.dtype, rows * self.size, offset)
        error = self.find_error(flat)
        if error is not None:
            raise WireError(*error)
        return flat.reshape(rows, *self.shape) if self.shape else flat

    def find_error(self, flat: np.ndarray) -> tuple[str, str] | None:
        """Why one of the numbers (n,) does not fit, as (reason, detail); None if all fit."""
        if self.dtype.kind == "f":
            if self._is_near(flat):
                return None
            if not np.isfinite(flat).all():
                return "nonfinite", f"column {self.name} has NaN or infinite values"
        # A bool with another byte than 0 or 1 is undefined behavior in numpy: masks would select the wrong rows.
        if self.dtype.kind == "b" and flat.view(np.uint8).max(initial=0) > 1:
            return "bounds", f"column {self.name} has bytes that are neither true nor false"
        # No unsigned number is below 0, as actions are that have their small dtype already.
        has_low = self.low is not None and (self.low > 0 or flat.dtype.kind != "u")
        if has_low and flat.size and (least := np.minimum.reduce(flat)) < self.low:
            return "bounds", f"column {self.name} has {least}, below {self.low}"
        if self.high is not None and flat.size and (most := _largest(flat)) > self.high:
            return "bounds", f"column {self.name} has {most}, above {self.high}"
        return None

    def _is_near(self, flat: np.ndarray) -> bool:
        """Whether a quick look shows that all real numbers (n,) fit, as it nearly always does."""
        if len(flat) <= _VERY_FEW_NUMBERS:
            # No number is larger than the length of the vector, which is not finite unless all of them are.
            return math.hypot(*flat.tolist()) < self.near
        if len(flat) < _FEW_NUMBERS:
            return bool(np.count_nonzero(np.abs(flat) < self.near) == len(flat))
        # Of many numbers, adding the squares takes a fifth of the time of comparing. No number is larger than the root.
        # Where the sum overflows, `dot` would warn, and senders could fill the log with that.
        return math.sqrt(np.vdot(flat, flat)) < self.near

    def unfit_rows(self, array: np.ndarray) -> np.ndarray | None:
        """bool (rows,), which rows of (rows, *shape) do not fit; None if all fit."""
        if self.find_error(array.reshape(-1)) is None:
            return None
        return np.logical_or.reduce(self.unfit_values(array).reshape(len(array), -1), axis=1)

    def unfit_values(self, array: np.ndarray) -> np.ndarray:
        """bool, in the array's shape: which numbers do not fit."""
        if self.dtype.kind == "b":
            return array.view(np.uint8) > 1
        unfit = ~np.isfinite(array)
        if self.low is not None:
            unfit |= array < self.low
        if self.high is not None:
            unfit |= array > self.high
        return unfit

    def describe_unfit(self, row: np.ndarray) -> str:
        """The first number of a row that does not fit, and the bounds, as part of a sentence."""
        low = "-inf" if self.low is None else self.low
        high = "inf" if self.high is None else self.high
        return f"it has {row[self.unfit_values(row)][0]}, where numbers from {low} to {high} are accepted"


def _largest(flat: np.ndarray) -> Any:
    """The largest of some numbers (n,), none of them NaN."""
    return max(flat.tolist()) if len(flat) <= _VERY_FEW_NUMBERS else np.maximum.reduce(flat)
