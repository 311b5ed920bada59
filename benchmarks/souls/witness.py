"""A witness of what a client sees, that holds every row that it sends against it."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from soulsai_core import End, Environment, EnvironmentFailure, Step, StepBatch, starts_after

VECTOR = "observation"


class _Seen(NamedTuple):
    observation: bytes
    action: int
    start: bool
    reward: float
    end: End
    following: bytes


class Witness:
    """Of one client with one environment of vectors. Steps are numbered as rows of a stream are, and a restarted
    environment leaves one number out: so rows that join over a failure do not agree.

    Attributes:
        steps, samples: seen, and sent.
        false: rows that do not agree with what was seen.
        gaps: seconds from the last step before each failure to the first after it.
    """

    def __init__(self) -> None:
        self.steps = self.samples = self.false = 0
        self.gaps: list[float] = []
        self._seen: dict[int, _Seen] = {}
        self._position = 0
        self._before: Step | None = None
        self._starts = True
        self._at = time.monotonic()
        self._failed = False

    def watching(self, environment: Environment) -> Environment:
        """The same environment, watched; for each of its starts."""
        return _Watched(environment, self)

    def began(self, step: Step) -> None:
        """The environment was reset."""
        self._position += self._position > 0
        self._before, self._starts = step, True

    def failed(self) -> None:
        """The environment failed."""
        self._failed = True

    def stepped(self, actions: np.ndarray, after: Step) -> None:
        """The environment was stepped."""
        if self._failed:
            self.gaps.append(time.monotonic() - self._at)
        self._at, self._failed = time.monotonic(), False
        before, self._before = self._before, after
        assert before is not None
        if after.valid is None or after.valid[0]:
            self.steps += 1
            self._seen[self._position] = _Seen(
                before.observations[VECTOR][0].tobytes(),
                int(actions[0]),
                self._starts,
                float(np.float32(after.rewards[0])),
                _end(after),
                after.final.get(0, {VECTOR: after.observations[VECTOR][0]})[VECTOR].tobytes(),
            )
            self._position += 1
        self._starts = bool(starts_after(after)[0])

    def sent(self, steps: StepBatch) -> None:
        """These rows leave the client."""
        following = iter(steps.transitions().next_observations[VECTOR])
        rows = zip(steps.positions.tolist(), steps.starts.tolist(), map(End, steps.ends.tolist()), strict=True)
        for row, (position, start, end) in enumerate(rows):
            seen = self._seen.pop(position, None)
            observed, action, reward = (steps.columns[name][row] for name in (VECTOR, "action", "reward"))
            led_to = None if end is End.DISCARDED else (end, reward, next(following))
            acted = (observed.tobytes(), action, start)
            self.samples += 1
            self.false += seen is None or acted != seen[:3] or not (led_to is None or _agrees(seen, *led_to))

    def close(self) -> None:
        """The trial is over: a client that has not come back yet has been away for as long at least."""
        if self._failed:
            self.gaps.append(time.monotonic() - self._at)


def _end(step: Step) -> End:
    if step.terminated[0]:
        return End.TERMINATED
    return End.TRUNCATED if step.truncated[0] else End.GOES_ON


def _agrees(seen: _Seen, end: End, reward: float, following: np.ndarray) -> bool:
    """Whether this is what came of the step. After a termination nothing follows."""
    same = end is End.TERMINATED or following.tobytes() == seen.following
    return same and (end, reward) == (seen.end, seen.reward)


class _Watched(Environment):
    def __init__(self, inner: Environment, witness: Witness) -> None:
        self.num_envs, self.overlapping = inner.num_envs, inner.overlapping
        self._inner, self._witness = inner, witness

    def reset(self) -> Step:
        step = self._inner.reset()
        self._witness.began(step)
        return step

    def step(self, actions: np.ndarray) -> Step:
        self.step_async(actions)
        return self.step_wait()

    def step_async(self, actions: np.ndarray) -> None:
        self._asked_for = actions
        self._inner.step_async(actions)

    def step_wait(self) -> Step:
        assert self._asked_for is not None
        try:
            step = self._inner.step_wait()
        except EnvironmentFailure:
            self._witness.failed()
            raise
        self._witness.stepped(self._asked_for, step)
        return step

    def close(self) -> None:
        self._inner.close()
