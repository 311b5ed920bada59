"""Which samples are new enough to learn from, and how old they were."""

from __future__ import annotations

from collections import deque

import numpy as np


class Freshness:
    """The rule "the newest `max_staleness` iterations": V - max_staleness + 1 .. V.

    Args:
        max_staleness: number of iterations that are admitted, 1 or more.
    """

    def __init__(self, max_staleness: int) -> None:
        if max_staleness < 1:
            raise ValueError(f"max_staleness is {max_staleness}; 1 admits only the newest iteration")
        self.max_staleness = max_staleness

    def judge(self, iterations: np.ndarray, current: int) -> tuple[np.ndarray | None, dict[str, int]]:
        """Which of int64 (rows,) are admitted while `current` is the newest iteration.

        Returns: a boolean mask (rows,), None if all are admitted, and the numbers of rejected rows by reason.
        """
        oldest = current - self.max_staleness + 1
        if np.minimum.reduce(iterations) >= oldest and np.maximum.reduce(iterations) <= current:
            return None, {}
        stale, future = iterations < oldest, iterations > current
        counts = {"stale": int(stale.sum()), "future": int(future.sum())}
        return ~(stale | future), {reason: n for reason, n in counts.items() if n}


class AgeMeter:
    """How old admitted rows are: in iterations, in environment steps and in seconds since their model was made.

    Running means with a weight of 0.05 for each message after the first. Only the last `memory` iterations are known.
    """

    def __init__(self, memory: int) -> None:
        self._made: deque[tuple[int, int, float]] = deque(maxlen=memory)
        self.iterations = 0.0
        self.env_steps = 0.0
        self.seconds = 0.0
        self._weight = 1.0

    def made(self, iteration: int, env_steps: int, now: float) -> None:
        """Iteration exists since `now`, when so many environment steps had been admitted."""
        self._made.append((iteration, env_steps, now))

    def admitted(self, iterations: np.ndarray, env_steps: int, now: float) -> None:
        """Rows of these iterations were just admitted."""
        if not self._made:
            return
        mean = float(np.add.reduce(iterations)) / len(iterations)
        newest = self._made[-1][0]
        index = min(max(len(self._made) - 1 - round(newest - mean), 0), len(self._made) - 1)
        _, steps_then, then = self._made[index]
        self.iterations += self._weight * (newest - mean - self.iterations)
        self.env_steps += self._weight * (env_steps - steps_then - self.env_steps)
        self.seconds += self._weight * (now - then - self.seconds)
        self._weight = 0.05
