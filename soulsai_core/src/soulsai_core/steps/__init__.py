"""Recorded steps: the one form in which clients send experience, and from which every algorithm learns."""

from soulsai_core.steps.batch import Closed, Sparse, StepBatch
from soulsai_core.steps.columns import (
    ACTION,
    DURATION,
    MASK,
    REWARD,
    ColumnCheck,
    action_column,
    step_columns,
)
from soulsai_core.steps.segments import (
    END,
    ITERATION,
    POSITION,
    ROWS,
    SEGMENT_COLUMNS,
    SOURCE,
    START,
    STREAM,
    End,
    Source,
    after_rows,
    continued,
    follows,
    has_after,
    segments_error,
)
from soulsai_core.steps.starts import starts_after
from soulsai_core.steps.taking import left_out, taken, taken_columns
from soulsai_core.steps.transitions import Transitions

__all__ = [
    "ACTION",
    "DURATION",
    "END",
    "ITERATION",
    "MASK",
    "POSITION",
    "REWARD",
    "ROWS",
    "SEGMENT_COLUMNS",
    "SOURCE",
    "START",
    "STREAM",
    "Closed",
    "ColumnCheck",
    "End",
    "Source",
    "Sparse",
    "StepBatch",
    "Transitions",
    "action_column",
    "after_rows",
    "continued",
    "follows",
    "has_after",
    "left_out",
    "segments_error",
    "starts_after",
    "step_columns",
    "taken",
    "taken_columns",
]
