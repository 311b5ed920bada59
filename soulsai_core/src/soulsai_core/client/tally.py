"""Episode results on the client."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from soulsai_core.messages import Episode, Step


class EpisodeTally:
    """Adds up rewards and steps of each row's running episode.

    Args:
        client: the client's id; episodes are numbered "<client>-<n>" from 1.
        clock: monotonic seconds.
    """

    def __init__(self, client: str, clock: Callable[[], float]) -> None:
        self.finished = 0
        self._client = client
        self._clock = clock
        self.begin(0)

    def begin(self, rows: int) -> None:
        """All rows start a new episode."""
        now = self._clock()
        self._steps = 0
        self._single = rows == 1
        self._alone = 0.0
        self._rewards = np.zeros(rows)
        self._before = np.zeros(rows, np.int64)  # steps before this row's episode, and those that only reset it
        self._started = [now] * rows
        self._metrics: list[dict[str, float]] = [{} for _ in range(rows)]

    def add(self, step: Step) -> None:
        """Count one step of all rows."""
        self._steps += 1
        if step.metrics:
            for row, numbers in step.metrics.items():
                self._metrics[row].update(numbers)
        if step.valid is not None:
            self._rewards += np.where(step.valid, step.rewards, 0)
            self._before += ~step.valid
        elif self._single:  # games run alone: no array is made
            self._alone += step.rewards.item()
        else:
            self._rewards += step.rewards

    def ends(self, step: Step, iteration: int, extra: Callable[[], dict[str, float]]) -> list[Episode]:
        """The episodes that ended with this step, after it was added, with `extra()` among their metrics."""
        ended = step.terminated | step.truncated
        if step.valid is not None:
            ended &= step.valid
        return [self._end(row, iteration, extra(), complete=True) for row in np.flatnonzero(ended).tolist()]

    def abandon(self, iteration: int) -> list[Episode]:
        """The environments failed: the episodes that had begun end incomplete."""
        begun = np.flatnonzero(self._before < self._steps).tolist()
        return [self._end(row, iteration, {}, complete=False) for row in begun]

    def _end(self, row: int, iteration: int, extra: dict[str, float], *, complete: bool) -> Episode:
        """A return that is not finite cannot be sent, and is no result: the episode then counts as incomplete."""
        now = self._clock()
        self.finished += 1
        reward = float(self._rewards[row]) + self._alone
        metrics = {**self._metrics[row], **extra}
        episode = Episode(
            id=f"{self._client}-{self.finished}",
            client=self._client,
            total_reward=reward if math.isfinite(reward) else 0.0,
            length=int(self._steps - self._before[row]),
            iteration=iteration,
            seconds=now - self._started[row],
            complete=complete and math.isfinite(reward),
            metrics={name: value for name, value in metrics.items() if math.isfinite(value)},
        )
        self._rewards[row] = self._alone = 0.0
        self._before[row] = self._steps
        self._started[row] = now
        self._metrics[row] = {}
        return episode
