"""Results of episodes, added up on the client."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from soulsai_core.messages import MAX_NUMBER, Episode, Step, without_huge_numbers

_RETURNS = 50
"""Returns of a client that are kept for its own terminal."""


class EpisodeTally:
    """Adds up rewards and steps of the running episode of each environment.

    Args:
        client: the client's id; episodes are numbered "<client>-<n>" from 1.
        clock: monotonic seconds.

    Attributes:
        finished: episodes so far, complete or not.
        returns: of the last complete ones.
    """

    def __init__(self, client: str, clock: Callable[[], float]) -> None:
        self.finished = 0
        self.returns: deque[float] = deque(maxlen=_RETURNS)
        self._client = client
        self._clock = clock
        self._held_out: np.ndarray | None = None
        self._evaluated = (-1, 0)
        self.begin(0)

    def begin(self, environments: int) -> None:
        """All environments start a new episode."""
        now = self._clock()
        self._steps = 0
        # A single environment's return is a plain number: adding to an array would take longer than the rest of `add`.
        self._single = environments == 1
        self._single_return = 0.0
        self._returns = np.zeros(environments)
        # Steps before the environment's episode, and those that only reset it: its length is the difference to all.
        self._steps_before = np.zeros(environments, np.int64)
        self._started = [now] * environments
        self._metrics: list[dict[str, float]] = [{} for _ in range(environments)]

    def hold_out(self, rows: np.ndarray, iteration: int, episodes: int) -> None:
        """From now on the episodes of these rows, bool (n,), evaluate the model of this iteration, as do `episodes` in
        all. To be called where episodes begin."""
        self._held_out = rows if rows.any() else None
        self._evaluated = (iteration, episodes)

    def add(self, step: Step) -> None:
        """Count one step of all environments."""
        self._steps += 1
        if step.metrics:
            for row, numbers in step.metrics.items():
                self._metrics[row].update(numbers)
        if step.valid is not None:
            self._returns += np.where(step.valid, step.rewards, 0)
            self._steps_before += ~step.valid
        elif self._single:
            self._single_return += step.rewards.item()
        else:
            self._returns += step.rewards

    def ends(self, step: Step, iteration: int, extra: Callable[[], dict[str, float]]) -> list[Episode]:
        """The episodes that ended with this step, after it was added, with `extra()` among their metrics."""
        ended = step.terminated | step.truncated
        if step.valid is not None:
            ended &= step.valid
        return [self._end(row, iteration, extra(), complete=True) for row in np.flatnonzero(ended).tolist()]

    def abandon(self, iteration: int) -> list[Episode]:
        """The environments failed: the episodes that had begun end incomplete."""
        begun = np.flatnonzero(self._steps_before < self._steps).tolist()
        return [self._end(row, iteration, {}, complete=False) for row in begun]

    def _end(self, row: int, iteration: int, extra: dict[str, float], *, complete: bool) -> Episode:
        """The result of an environment's episode, and start its next one. JSON has no NaN and no infinity, and reports
        no number beyond MAX_NUMBER: an episode with such a return is reported as incomplete."""
        now = self._clock()
        self.finished += 1
        # A single environment that only resets in a step is counted in the array, so both parts may be nonzero.
        total = float(self._returns[row]) + self._single_return
        fits = abs(total) <= MAX_NUMBER
        evaluation = 0
        if self._held_out is not None and row < len(self._held_out) and self._held_out[row]:
            iteration, evaluation = self._evaluated
            extra = {}  # of the actor that explores
        metrics = {**self._metrics[row], **extra}
        episode = Episode(
            id=f"{self._client}-{self.finished}",
            client=self._client,
            total_reward=total if fits else 0.0,
            length=int(self._steps - self._steps_before[row]),
            iteration=iteration,
            seconds=now - self._started[row],
            complete=complete and fits,
            metrics=without_huge_numbers(metrics),
            evaluation=evaluation,
        )
        if episode.complete:
            self.returns.append(total)
        self._returns[row] = 0.0
        self._single_return = 0.0
        self._steps_before[row] = self._steps
        self._started[row] = now
        self._metrics[row] = {}
        return episode
