"""Rows of a message read as complete one-step transitions, for learners that need no replay of steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from soulsai_core.messages import Arrays
from soulsai_core.steps.columns import ACTION, DURATION, MASK, REWARD
from soulsai_core.steps.segments import ITERATION, End

if TYPE_CHECKING:
    from soulsai_core.steps.batch import StepBatch

# Plain numbers: comparing arrays with members of an IntEnum takes five times as long.
_GOES_ON = int(End.GOES_ON)
_TERMINATED = int(End.TERMINATED)
_DISCARDED = int(End.DISCARDED)


@dataclass(frozen=True, slots=True)
class Transitions:
    """n one-step transitions, each complete by itself.

    Attributes:
        observations, next_observations: name -> (n, *shape). After a termination the next observation has no meaning.
        actions: (n, *action shape).  rewards: float32 (n,), as the environment gave them.
        terminated: bool (n,).  ended: bool (n,), terminated or truncated.
        durations: float32 (n,), lengths of the steps in usual steps; None where the environment does not report them.
        masks, next_masks: bool (n, actions), valid actions at the two observations; None where actions are not masked.
        iteration: int64 (n,), the model that chose each action.
        own: name -> (n, *shape), the actor's own columns except sparse ones.
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


def transitions_of(steps: StepBatch) -> Transitions:
    """The transitions of all rows that are not discarded, in the order of the rows."""
    ends = steps.ends
    kept = np.flatnonzero(ends != _DISCARDED)
    following = _following_rows(steps)[kept]
    next_columns = {
        name: np.concatenate([steps.columns[name], after])[following] for name, after in steps.after.items()
    }
    columns = {name: column[kept] for name, column in steps.columns.items()}
    common = (*steps.after, ACTION, REWARD, DURATION)
    return Transitions(
        observations={name: columns[name] for name in steps.after if name != MASK},
        actions=columns[ACTION],
        rewards=columns[REWARD],
        terminated=ends[kept] == _TERMINATED,
        ended=ends[kept] != _GOES_ON,
        next_observations={name: column for name, column in next_columns.items() if name != MASK},
        iteration=steps.per_row(ITERATION)[kept],
        masks=columns.get(MASK),
        next_masks=next_columns.get(MASK),
        durations=columns.get(DURATION),
        own={name: column for name, column in columns.items() if name not in common},
    )


def _following_rows(steps: StepBatch) -> np.ndarray:
    """int64 (rows,), where what followed each row lies in the columns with `after` appended to them."""
    rows = len(steps)
    in_after = steps.has_after
    following = np.arange(1, rows + 1)
    following[steps.lasts[in_after]] = rows + np.arange(int(in_after.sum()))
    # Nothing follows a terminated row. It gets any valid row number, since its next observation has no meaning.
    following[steps.lasts[~in_after & ~steps.continued]] = 0
    return following
