"""The steps of one environment that are not yet samples."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from soulsai_core import Arrays, ArraySpec, SampleBatch
from soulsai_dqn.features import Features
from soulsai_dqn.nstep import fold


def sample_columns(
    features: Features, actions: int, *, masked: bool, prioritized: bool = False
) -> dict[str, ArraySpec]:
    """The columns of DQN's samples; `next_mask` only where the environment reports masks, `error` (the absolute TD
    error by the client's own Q-values) only for prioritized replay."""
    observed = features.columns()
    columns = {
        **observed,
        "action": ArraySpec((), "int32", low=0, high=actions - 1),
        "reward": ArraySpec((), "float32"),
        "discount": ArraySpec((), "float32", low=0, high=1),
        **{f"next_{name}": spec for name, spec in observed.items()},
    }
    if masked:
        columns["next_mask"] = ArraySpec((actions,), "bool")
    if prioritized:
        columns["error"] = ArraySpec((), "float32", low=0)
    return columns


class Trajectory:
    """Steps in order, in columns that grow as needed.

    Args:
        observed: what is observed: name -> spec of one row.
        actions: number of actions.
        masked: keep masks of the next observations.
    """

    def __init__(self, observed: Mapping[str, ArraySpec], actions: int, *, masked: bool) -> None:
        self._length = 0
        self._observed = [(name, f"next_{name}") for name in observed]
        self._columns: Arrays = {
            **{name: np.empty((64, *spec.shape), spec.dtype) for name, spec in observed.items()},
            **{f"next_{name}": np.empty((64, *spec.shape), spec.dtype) for name, spec in observed.items()},
            "action": np.empty(64, np.int32),
            "reward": np.empty(64, np.float32),
            "terminated": np.empty(64, np.bool_),
            "ended": np.empty(64, np.bool_),
            "iteration": np.empty(64, np.int64),
        }
        if masked:
            self._columns["next_mask"] = np.empty((64, actions), np.bool_)

    def append(
        self,
        iteration: int,
        before: Arrays,
        action: int,
        reward: float,
        terminated: bool,
        truncated: bool,
        after: Arrays,
        next_mask: np.ndarray | None,
        row: int = 0,
    ) -> None:
        """Add one step, chosen by the model of `iteration`; what was observed before and after is this row of arrays
        name -> (n, *shape)."""
        if self._length == len(self._columns["reward"]):
            self._grow()
        at, columns = self._length, self._columns
        for name, following in self._observed:
            columns[name][at] = before[name][row]
            columns[following][at] = after[name][row]
        columns["action"][at] = action
        columns["reward"][at] = reward
        columns["terminated"][at] = terminated
        columns["ended"][at] = terminated or truncated
        columns["iteration"][at] = iteration
        if "next_mask" in columns:
            columns["next_mask"][at] = True if next_mask is None else next_mask
        self._length += 1

    def cut(self) -> None:
        """The last step was the last one seen of its episode."""
        if self._length:
            self._columns["ended"][self._length - 1] = True

    def take(self, n: int, gamma: float) -> SampleBatch | None:
        """Remove and return the rows whose n-step returns are known."""
        steps = {name: column[: self._length] for name, column in self._columns.items()}
        folded = fold(steps["reward"], steps["terminated"], steps["ended"], n, gamma)
        count = len(folded.last)
        if not count:
            return None
        columns = {
            **{name: steps[name][:count].copy() for name, _ in self._observed},
            "action": steps["action"][:count].copy(),
            "reward": folded.reward,
            "discount": folded.discount,
            **{following: steps[following][folded.last] for _, following in self._observed},
        }
        if "next_mask" in steps:
            columns["next_mask"] = steps["next_mask"][folded.last]
        batch = SampleBatch(steps["iteration"][:count].copy(), columns)
        for column in steps.values():
            column[: self._length - count] = column[count:].copy()
        self._length -= count
        return batch

    def _grow(self) -> None:
        self._columns = {name: np.concatenate([c, np.empty_like(c)]) for name, c in self._columns.items()}
