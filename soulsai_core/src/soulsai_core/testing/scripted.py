"""An environment made from a spec: episodes have known lengths, observations are drawn from the spaces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soulsai_core.contracts import Environment
from soulsai_core.messages import Arrays, Discrete, EnvSpec, Step
from soulsai_core.testing.arrays import assert_actions_fit, draw


class ScriptedEnvironment(Environment):
    """`num_envs` environments, whose actions are checked and influence the reward alone.

    Episode k of row i has lengths[(i + k) % len(lengths)] steps, and ends by termination and by truncation in turn.

    Args:
        next_step: reset a row that ended in a step of its own, as gymnasium's NEXT_STEP does, not in the same one.
    """

    def __init__(
        self,
        spec: EnvSpec,
        num_envs: int = 1,
        *,
        lengths: Sequence[int] = (1, 2, 5, 9),
        next_step: bool = False,
        seed: int = 0,
    ) -> None:
        self.spec = spec
        self.num_envs = num_envs
        self._lengths = tuple(lengths)
        self._next_step = next_step
        self._rng = np.random.default_rng(seed)
        self._age = np.zeros(num_envs, np.int64)
        self._episode = np.zeros(num_envs, np.int64)
        self._ended = np.zeros(num_envs, np.bool_)
        self._masks: np.ndarray | None = None

    def reset(self) -> Step:
        """Start all episodes."""
        self._age[:] = 0
        self._ended[:] = False
        self._masks = self._draw_masks()
        flags = np.zeros(self.num_envs, np.bool_)
        rewards = np.zeros(self.num_envs, np.float32)
        return Step(self._draw(), rewards, flags, flags.copy(), masks=self._masks, durations=self._draw_durations())

    def step(self, actions: np.ndarray) -> Step:
        """Step all rows. Raises AssertionError for actions outside of the space or of the mask."""
        assert_actions_fit(actions, self.spec.action, self.num_envs, self._masks)
        valid = ~self._ended
        self._age = np.where(valid, self._age + 1, 0)
        terminated, truncated = self._ends()
        self._ended = terminated | truncated
        self._episode += self._ended
        step = self._answer(actions, terminated, truncated)
        step.durations = self._draw_durations()
        if not valid.all():
            step.valid = valid
            step.rewards = np.where(valid, step.rewards, np.float32(0))
        return step

    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        # Rows have different lengths at the same time, so that they do not end together.
        which = (np.arange(self.num_envs) + self._episode) % len(self._lengths)
        over = self._age >= np.array(self._lengths)[which]
        return over & (self._episode % 2 == 0), over & (self._episode % 2 == 1)

    def _answer(self, actions: np.ndarray, terminated: np.ndarray, truncated: np.ndarray) -> Step:
        last = self._draw()
        last_masks = self._draw_masks()
        rewards = (actions.reshape(self.num_envs, -1).sum(axis=1) + self._age).astype(np.float32)
        self._masks = last_masks
        if self._next_step or not self._ended.any():
            return Step(last, rewards, terminated, truncated, masks=last_masks)
        ends = np.flatnonzero(self._ended).tolist()
        final = {row: {name: array[row] for name, array in last.items()} for row in ends}
        final_masks = {} if last_masks is None else {row: last_masks[row] for row in ends}
        first = self._draw()
        self._masks = self._draw_masks()
        self._age[self._ended] = 0
        self._ended = np.zeros(self.num_envs, np.bool_)
        return Step(first, rewards, terminated, truncated, final, None, self._masks, final_masks)

    def _draw(self) -> Arrays:
        return {name: draw(spec, self.num_envs, self._rng) for name, spec in self.spec.observations.items()}

    def _draw_masks(self) -> np.ndarray | None:
        if not self.spec.masked or not isinstance(self.spec.action, Discrete):
            return None
        masks = self._rng.random((self.num_envs, self.spec.action.n)) < 0.5
        # At least one action of each row is valid.
        masks[np.arange(self.num_envs), self._rng.integers(self.spec.action.n, size=self.num_envs)] = True
        return masks

    def _draw_durations(self) -> np.ndarray | None:
        if not self.spec.timed:
            return None
        return self._rng.uniform(0.5, 2.0, self.num_envs).astype(np.float32)

    def close(self) -> None:
        """Nothing to close."""
