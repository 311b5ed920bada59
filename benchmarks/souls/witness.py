"""An actor that another one plays for, and that holds every sample against what was really seen."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import NamedTuple

import numpy as np

from soulsai_core import Actor, SampleBatch, Transitions, Weights

_TOLERANCE = 1e-5


class _Seen(NamedTuple):
    piece: int
    observation: bytes
    following: bytes
    reward: float


class Witness(Actor):
    """Of one environment with vectors.

    A piece is what was seen without a gap. A sample must begin where the one before it did but one step later, sum up
    the rewards of steps of its own piece only, and lead to what followed the last of them.

    Attributes:
        steps, samples: taken in, and given out.
        false: samples that do not agree with what was seen.
        gaps: seconds from the last step before each failure to the first after it.
    """

    def __init__(self, actor: Actor, n_step: int, gamma: float) -> None:
        self.steps = self.samples = self.false = 0
        self.gaps: list[float] = []
        self._actor, self._n, self._gamma = actor, n_step, gamma
        self._seen: deque[_Seen] = deque()
        self._piece = 0
        self._before: bytes | None = None
        self._at = time.monotonic()
        self._failed = False
        self.load, self.act, self.ready, self.metrics = actor.load, actor.act, actor.ready, actor.metrics  # type: ignore[method-assign]

    def load(self, weights: Weights) -> None:
        """The actor's own."""

    def act(self, observations: dict[str, np.ndarray], masks: np.ndarray | None) -> np.ndarray:
        """The actor's own."""
        raise NotImplementedError

    def add(self, transitions: Transitions) -> None:
        now = transitions.observations["observation"][0].tobytes()
        following = transitions.next_observations["observation"][0].tobytes()
        self._piece += now != self._before
        self._seen.append(_Seen(self._piece, now, following, float(transitions.rewards[0])))
        ended = transitions.terminated[0] or transitions.truncated[0]
        self._before = None if ended else following
        if self._failed:
            self.gaps.append(time.monotonic() - self._at)
        self._at, self._failed, self.steps = time.monotonic(), False, self.steps + 1
        self._actor.add(transitions)

    def take(self) -> SampleBatch | None:
        batch = self._actor.take()
        for row in range(0 if batch is None else len(batch)):
            assert batch is not None
            self.samples += 1
            self.false += not self._agrees({name: column[row] for name, column in batch.columns.items()})
            self._seen.popleft()
        return batch

    def _agrees(self, sample: dict[str, np.ndarray]) -> bool:
        steps = [seen for _, seen in zip(range(self._n), self._seen, strict=False)]
        steps = [seen for seen in steps if seen.piece == self._seen[0].piece]
        reward = sum(self._gamma**k * seen.reward for k, seen in enumerate(steps))
        same = (sample["observation"].tobytes(), sample["next_observation"].tobytes())
        if same != (steps[0].observation, steps[-1].following):
            return False
        return math.isclose(sample["reward"], reward, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)

    def cut(self) -> None:
        self._actor.cut()
        self._before, self._failed = None, True

    def close(self) -> None:
        """The trial is over: whoever has not come back yet has been away so long at least."""
        if self._failed:
            self.gaps.append(time.monotonic() - self._at)
