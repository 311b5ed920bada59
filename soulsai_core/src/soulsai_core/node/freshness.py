"""Which steps are new enough to learn from, and how old admitted ones are."""

from __future__ import annotations

from collections import deque

import numpy as np

from soulsai_core.steps import ITERATION, ROWS, SOURCE, Source

CHOSEN_BY_MODELS = frozenset({int(Source.AGENT), int(Source.EVALUATION)})
"""Sources of segments whose actions were chosen by the model of the segment's iteration."""


class Freshness:
    """Admits rows of the newest `max_staleness` iterations: V - max_staleness + 1 .. V, where V is the newest.

    Args:
        max_staleness: 1 or more.
    """

    def __init__(self, max_staleness: int) -> None:
        if max_staleness < 1:
            raise ValueError(f"max_staleness is {max_staleness}; 1 admits only the newest iteration")
        self.max_staleness = max_staleness

    def judge(self, segments: np.ndarray, current: int) -> tuple[np.ndarray | None, dict[str, int]]:
        """Which segments of a table (segments, 7) are admitted while `current` is the newest iteration. Segments whose
        actions no model chose always are.

        Returns: a boolean mask (segments,), None if all are admitted; and the rejected rows by reason, "stale" or
        "future".
        """
        oldest = current - self.max_staleness + 1
        counts = {"stale": 0, "future": 0}
        admitted = []
        # A message has few segments, for which a loop over integers is faster than array operations.
        for _, _, rows, iteration, source, _, _ in segments.tolist():
            admitted.append(oldest <= iteration <= current or source not in CHOSEN_BY_MODELS)
            if not admitted[-1]:
                counts["stale" if iteration < oldest else "future"] += rows
        if all(admitted):
            return None, {}
        return np.array(admitted), {reason: rows for reason, rows in counts.items() if rows}


class Staleness:
    """The mean age of admitted rows: iterations, environment steps and seconds since their model was made.

    Args:
        memory: number of last iterations whose making is remembered; older rows count as old as the oldest of them.

    Attributes:
        iterations, env_steps, seconds: running means, with a weight of 0.05 for each message after the first.
    """

    def __init__(self, memory: int) -> None:
        self._made: deque[tuple[int, int, float]] = deque(maxlen=memory)
        self.iterations = 0.0
        self.env_steps = 0.0
        self.seconds = 0.0
        self._weight = 1.0

    def made(self, iteration: int, env_steps: int, now: float) -> None:
        """Note that an iteration was made at `now`, after `env_steps` admitted environment steps."""
        self._made.append((iteration, env_steps, now))

    def admitted(self, segments: np.ndarray, env_steps: int, now: float) -> None:
        """Take the rows of a table (segments, 7), admitted at `now`, into the means. Rows whose actions no model chose
        have no age."""
        chosen = 0
        total = 0
        for segment in segments.tolist():
            if segment[SOURCE] in CHOSEN_BY_MODELS:
                chosen += segment[ROWS]
                total += segment[ITERATION] * segment[ROWS]
        if not self._made or not chosen:
            return
        mean = total / chosen
        newest = self._made[-1][0]
        # One mean for the message, looked up once: its rows are of the same or of neighboring iterations.
        index = min(max(len(self._made) - 1 - round(newest - mean), 0), len(self._made) - 1)
        _, steps_then, then = self._made[index]
        self.iterations += self._weight * (newest - mean - self.iterations)
        self.env_steps += self._weight * (env_steps - steps_then - self.env_steps)
        self.seconds += self._weight * (now - then - self.seconds)
        self._weight = 0.05
