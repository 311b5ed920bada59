"""What was seen since the last samples were made. An actor meets one step at a time, between two steps of a game:
there it only remembers, and arithmetic waits until many steps are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from soulsai_core import Arrays, Transitions
from soulsai_dqn.features import Features


class StepLog:
    """Steps of several environments in order.

    Args:
        features: what is kept of observations.
        actions: number of actions.
        masked: keep masks of the next observations.
        rewards: what is learned from, for float32 (n,) rewards.
    """

    def __init__(
        self, features: Features, actions: int, *, masked: bool, rewards: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        self._features = features
        self._actions = actions
        self._masked = masked
        self._rewards = rewards
        self._steps: list[tuple[int, Transitions]] = []
        self.add = self._steps.append
        """Add (iteration that chose the actions, one step of all environments)."""

    def take(self) -> Iterator[tuple[int, Arrays]]:
        """Forget all steps, and give those of each environment that has any, as the columns of `Trajectory`."""
        if not self._steps:
            return
        columns = self._columns()
        rows = np.concatenate([t.rows for _, t in self._steps])
        self._steps.clear()
        if (rows == rows[0]).all():
            yield int(rows[0]), columns
            return
        for environment in np.unique(rows).tolist():
            own = np.flatnonzero(rows == environment)
            yield environment, {name: column[own] for name, column in columns.items()}

    def _columns(self) -> Arrays:
        """The steps of all environments, in order."""
        steps = [transitions for _, transitions in self._steps]
        terminated = np.concatenate([t.terminated for t in steps])
        following = self._features.of(_joined(t.next_observations for t in steps))
        columns = {
            **self._features.of(_joined(t.observations for t in steps)),
            **{f"next_{name}": rows for name, rows in following.items()},
            "action": np.concatenate([t.actions for t in steps]).astype(np.int32),
            "reward": self._rewards(np.concatenate([t.rewards for t in steps])),
            "terminated": terminated,
            "ended": terminated | np.concatenate([t.truncated for t in steps]),
            "iteration": np.repeat([iteration for iteration, _ in self._steps], [len(t.rows) for t in steps]),
        }
        if self._masked:
            columns["next_mask"] = np.concatenate([self._mask(t) for t in steps])
        return columns

    def _mask(self, transitions: Transitions) -> np.ndarray:
        masks = transitions.next_masks
        return np.ones((len(transitions.rows), self._actions), np.bool_) if masks is None else masks


def _joined(observations: Iterable[Arrays]) -> Arrays:
    found = list(observations)
    return {name: np.concatenate([arrays[name] for arrays in found]) for name in found[0]}
