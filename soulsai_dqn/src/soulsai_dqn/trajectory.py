"""The steps of one environment that are not yet samples."""

from __future__ import annotations

import numpy as np

from soulsai_core import Arrays, ArraySpec, SampleBatch
from soulsai_dqn.nstep import fold


def sample_columns(features: int, actions: int, *, masked: bool) -> dict[str, ArraySpec]:
    """The columns of DQN's samples; `next_mask` only where the environment reports masks."""
    columns = {
        "observation": ArraySpec((features,), "float32"),
        "action": ArraySpec((), "int32", low=0, high=actions - 1),
        "reward": ArraySpec((), "float32"),
        "discount": ArraySpec((), "float32", low=0, high=1),
        "next_observation": ArraySpec((features,), "float32"),
    }
    if masked:
        columns["next_mask"] = ArraySpec((actions,), "bool")
    return columns


class Trajectory:
    """Steps in order, in columns that grow as needed.

    Args:
        features: length of an observation.
        actions: number of actions.
        masked: keep masks of the next observations.
    """

    def __init__(self, features: int, actions: int, *, masked: bool) -> None:
        self._length = 0
        self._columns: Arrays = {
            "observation": np.empty((64, features), np.float32),
            "next_observation": np.empty((64, features), np.float32),
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
        observation: np.ndarray,
        action: int,
        reward: float,
        terminated: bool,
        truncated: bool,
        next_observation: np.ndarray,
        next_mask: np.ndarray | None,
    ) -> None:
        """Add one step, chosen by the model of `iteration`."""
        if self._length == len(self._columns["reward"]):
            self._grow()
        at, columns = self._length, self._columns
        columns["observation"][at] = observation
        columns["next_observation"][at] = next_observation
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
            "observation": steps["observation"][:count].copy(),
            "action": steps["action"][:count].copy(),
            "reward": folded.reward,
            "discount": folded.discount,
            "next_observation": steps["next_observation"][folded.last],
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
