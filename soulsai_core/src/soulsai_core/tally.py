"""Episode results on the client."""

from __future__ import annotations

import math
from collections.abc import Callable

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
        self._rewards = [0.0] * rows
        self._lengths = [0] * rows
        self._started = [now] * rows
        self._metrics: list[dict[str, float]] = [{} for _ in range(rows)]

    def add(self, step: Step, iteration: int, extra: Callable[[], dict[str, float]]) -> list[Episode]:
        """Count one step of all rows. Returns the episodes that ended, with `extra()` among their metrics."""
        valid = None if step.valid is None else step.valid.tolist()
        for row, reward in enumerate(step.rewards.tolist()):
            if valid is None or valid[row]:
                self._rewards[row] += reward
                self._lengths[row] += 1
        for row, numbers in step.metrics.items():
            self._metrics[row].update(numbers)
        terminated, truncated = step.terminated.tolist(), step.truncated.tolist()
        if True not in terminated and True not in truncated:
            return []
        ended = [row for row in range(len(terminated)) if terminated[row] or truncated[row]]
        return [self._end(r, iteration, extra(), complete=True) for r in ended if valid is None or valid[r]]

    def abandon(self, iteration: int) -> list[Episode]:
        """The environments failed: the episodes that had begun end incomplete."""
        return [self._end(r, iteration, {}, complete=False) for r in range(len(self._lengths)) if self._lengths[r]]

    def _end(self, row: int, iteration: int, extra: dict[str, float], *, complete: bool) -> Episode:
        """A return that is not finite cannot be sent, and is no result: the episode then counts as incomplete."""
        now = self._clock()
        self.finished += 1
        reward = self._rewards[row]
        metrics = {**self._metrics[row], **extra}
        episode = Episode(
            id=f"{self._client}-{self.finished}",
            client=self._client,
            total_reward=reward if math.isfinite(reward) else 0.0,
            length=self._lengths[row],
            iteration=iteration,
            seconds=now - self._started[row],
            complete=complete and math.isfinite(reward),
            metrics={name: value for name, value in metrics.items() if math.isfinite(value)},
        )
        self._rewards[row], self._lengths[row], self._started[row], self._metrics[row] = 0.0, 0, now, {}
        return episode
