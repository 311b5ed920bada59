"""Checks that the rows that a client sends agree with the steps that its environment made."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from soulsai_core import End, Environment, EnvironmentFailure, Step, StepBatch, starts_after

VECTOR = "observation"


class _SeenStep(NamedTuple):
    observation: bytes
    action: int
    start: bool
    reward: float
    end: End
    next_observation: bytes


class RowChecker:
    """Compares the rows of one client, which has one environment with vectors as observations.

    Steps are numbered like the rows of a stream, and a restart of the environment leaves out one number. Rows that
    join over a failure therefore do not agree.

    Attributes:
        steps: number of steps of the environment.
        samples: number of rows that were sent.
        false: number of rows that do not agree with the steps.
        gaps: seconds from the last step before each failure to the first step after it.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.samples = 0
        self.false = 0
        self.gaps: list[float] = []
        self._seen: dict[int, _SeenStep] = {}
        self._position = 0
        self._before: Step | None = None
        self._starts = True
        self._last_step_at = time.monotonic()
        self._failed = False

    def wrap(self, environment: Environment) -> Environment:
        """The same environment, observed. Call it for each environment that the client starts."""
        return _ObservedEnvironment(environment, self)

    def on_reset(self, step: Step) -> None:
        """The environment was reset."""
        self._position += self._position > 0
        self._before = step
        self._starts = True

    def on_failure(self) -> None:
        """The environment failed."""
        self._failed = True

    def on_step(self, actions: np.ndarray, after: Step) -> None:
        """The environment made a step."""
        if self._failed:
            self.gaps.append(time.monotonic() - self._last_step_at)
        self._last_step_at = time.monotonic()
        self._failed = False
        before = self._before
        assert before is not None
        self._before = after
        if after.valid is None or after.valid[0]:
            self.steps += 1
            self._seen[self._position] = _SeenStep(
                before.observations[VECTOR][0].tobytes(),
                int(actions[0]),
                self._starts,
                float(np.float32(after.rewards[0])),
                _end(after),
                after.final.get(0, {VECTOR: after.observations[VECTOR][0]})[VECTOR].tobytes(),
            )
            self._position += 1
        self._starts = bool(starts_after(after)[0])

    def on_sent(self, steps: StepBatch) -> None:
        """The client sent these rows."""
        next_observations = iter(steps.transitions().next_observations[VECTOR])
        rows = zip(steps.positions.tolist(), steps.starts.tolist(), map(End, steps.ends.tolist()), strict=True)
        for row, (position, start, end) in enumerate(rows):
            seen = self._seen.pop(position, None)
            observation, action, reward = (steps.columns[name][row] for name in (VECTOR, "action", "reward"))
            acted = (observation.tobytes(), action, start)
            # The transitions leave out discarded rows: what followed them is not learned from.
            outcome = None if end is End.DISCARDED else (end, reward, next(next_observations))
            self.samples += 1
            if seen is None or acted != seen[:3] or (outcome is not None and not _outcome_agrees(seen, *outcome)):
                self.false += 1

    def close(self) -> None:
        """End the trial. A client that has not come back yet counts with the time up to now."""
        if self._failed:
            self.gaps.append(time.monotonic() - self._last_step_at)


def _end(step: Step) -> End:
    if step.terminated[0]:
        return End.TERMINATED
    return End.TRUNCATED if step.truncated[0] else End.GOES_ON


def _outcome_agrees(seen: _SeenStep, end: End, reward: float, next_observation: np.ndarray) -> bool:
    # After a termination nothing follows.
    same = end is End.TERMINATED or next_observation.tobytes() == seen.next_observation
    return same and (end, reward) == (seen.end, seen.reward)


class _ObservedEnvironment(Environment):
    def __init__(self, inner: Environment, checker: RowChecker) -> None:
        self.num_envs = inner.num_envs
        self.overlapping = inner.overlapping
        self._inner = inner
        self._checker = checker

    def reset(self) -> Step:
        step = self._inner.reset()
        self._checker.on_reset(step)
        return step

    def step(self, actions: np.ndarray) -> Step:
        self.step_async(actions)
        return self.step_wait()

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions
        self._inner.step_async(actions)

    def step_wait(self) -> Step:
        try:
            step = self._inner.step_wait()
        except EnvironmentFailure:
            self._checker.on_failure()
            raise
        self._checker.on_step(self._actions, step)
        return step

    def close(self) -> None:
        self._inner.close()
