"""Steps that another run made, in the form in which a training begins with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from soulsai_core.messages import ArraySpec
from soulsai_core.steps.batch import StepBatch
from soulsai_core.steps.columns import ACTION, DURATION, REWARD
from soulsai_core.steps.segments import ITERATION


def taken_columns(columns: Mapping[str, ArraySpec], observed: Collection[str]) -> dict[str, ArraySpec]:
    """Those of a training's columns that steps of another run have: what the environment gave, and sparse own columns,
    such as the state with which a sequence begins.

    The other own columns are what the model that acted said of its action. To another model, perhaps with other
    rewards, they mean nothing.

    Args:
        columns: name -> spec of one row, of all columns.
        observed: names of the parts of the observation, and "mask".
    """
    given = {ACTION, REWARD, DURATION, *observed}
    return {name: spec for name, spec in columns.items() if spec.sparse or name in given}


def taken(steps: StepBatch, columns: Mapping[str, ArraySpec]) -> StepBatch:
    """The same rows with these columns alone, as far as they are there, and as if the first model had acted: its number
    counts the models of this run. Sparse columns of another form are left out."""
    segments = steps.segments.copy()
    segments[:, ITERATION] = 0
    sparse = {name: column for name, column in steps.sparse.items() if _fits(column.values, columns.get(name))}
    return StepBatch(
        segments,
        {name: column for name, column in steps.columns.items() if name in columns},
        {name: column for name, column in steps.after.items() if name in columns},
        sparse,
    )


def left_out(steps: StepBatch, columns: Mapping[str, ArraySpec]) -> set[str]:
    """Names of columns that `taken` leaves out, but for the dense own ones."""
    given = {*steps.after, DURATION} & steps.columns.keys()
    sparse = {name for name, column in steps.sparse.items() if not _fits(column.values, columns.get(name))}
    return (given - columns.keys()) | sparse


def _fits(values: np.ndarray, spec: ArraySpec | None) -> bool:
    return spec is not None and spec.sparse and (values.shape[1:], values.dtype) == (spec.shape, np.dtype(spec.dtype))
