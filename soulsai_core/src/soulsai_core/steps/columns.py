"""Whether the values of a column are those that were declared: the node looks before it learns from a message, and
clients look at their rows before they send them, with the very same check."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from soulsai_core.errors import WireError
from soulsai_core.messages import ArraySpec

_FEW = 500


@dataclass(frozen=True, slots=True)
class ColumnCheck:
    """One declared column.

    Attributes:
        dtype: little-endian, as it travels.
        shape: of one row; `size` numbers, `row_bytes` bytes.
        low, high: bounds within which values are believed, None where there are none.
        safe: values whose sum of squares is below are all finite and within bounds, which saves looking at each.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    size: int
    row_bytes: int
    low: float | None
    high: float | None
    safe: float

    @classmethod
    def of(cls, name: str, spec: ArraySpec) -> ColumnCheck:
        """The check of a column with this spec."""
        dtype = np.dtype(spec.dtype).newbyteorder("<")
        size = math.prod(spec.shape)
        safe = 0.0
        if dtype.kind == "f":
            low = -math.inf if spec.low is None else spec.low
            high = math.inf if spec.high is None else spec.high
            safe = max(min(-low, high), 0.0) ** 2
        return cls(name, dtype, tuple(spec.shape), size, size * dtype.itemsize, spec.low, spec.high, safe)

    def read(self, body: memoryview | bytes, offset: int, rows: int) -> np.ndarray:
        """The column (rows, *shape), a view of the bytes from `offset`. Raises WireError for values that do not fit."""
        flat = np.frombuffer(body, self.dtype, rows * self.size, offset)
        flaw = self.flaw(flat)
        if flaw is not None:
            raise WireError(*flaw)
        return flat.reshape(rows, *self.shape) if self.shape else flat

    def flaw(self, flat: np.ndarray) -> tuple[str, str] | None:
        """Why one of these numbers (n,) does not fit, as (reason, detail); None if all do. To be called with numpy's
        warnings off, since sums of what came from outside may overflow."""
        if self.dtype.kind == "f":
            # To sum squares takes a fifth of the time, and shows nearly always that nothing is to be found. For few
            # numbers without `dot`, which lets other threads go first.
            squares = np.add.reduce(flat * flat) if len(flat) < _FEW else flat.dot(flat)
            if squares < self.safe:
                return None
            if not math.isfinite(squares) and not np.isfinite(flat).all():
                return "nonfinite", f"column {self.name} has NaN or infinite values"
        if self.dtype.kind == "b" and flat.view(np.uint8).max(initial=0) > 1:
            return "bounds", f"column {self.name} has bytes that are neither true nor false"
        if self.low is not None and flat.size and (least := np.minimum.reduce(flat)) < self.low:
            return "bounds", f"column {self.name} has {least}, below {self.low}"
        if self.high is not None and flat.size and (most := np.maximum.reduce(flat)) > self.high:
            return "bounds", f"column {self.name} has {most}, above {self.high}"
        return None

    def unfit_rows(self, array: np.ndarray) -> np.ndarray | None:
        """bool (rows,), which rows of (rows, *shape) do not fit; None if all do. Likewise without warnings."""
        if self.flaw(array.reshape(-1)) is None:
            return None
        return np.logical_or.reduce(self.unfit_values(array).reshape(len(array), -1), axis=1)

    def unfit_values(self, array: np.ndarray) -> np.ndarray:
        """bool, of the array's shape: which numbers do not fit."""
        if self.dtype.kind == "b":
            return array.view(np.uint8) > 1
        unfit = ~np.isfinite(array)
        if self.low is not None:
            unfit |= array < self.low
        if self.high is not None:
            unfit |= array > self.high
        return unfit

    def explained(self, row: np.ndarray) -> str:
        """The first number of a row that does not fit, and the bounds."""
        low, high = (none if bound is None else bound for none, bound in (("-inf", self.low), ("inf", self.high)))
        return f"it has {row[self.unfit_values(row)][0]}, where numbers from {low} to {high} are believed"
