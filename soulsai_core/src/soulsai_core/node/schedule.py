"""When the next periodic checkpoint is due."""

from __future__ import annotations

from collections.abc import Callable

from soulsai_core.config import TrainingSettings

_FIRST = 10.0
"""Seconds until the first one, at most, and until another attempt after one that failed."""

_SHORTEST = 1.0
"""Seconds between those of a learner that decides itself when it makes an iteration."""


class CheckpointSchedule:
    """By iterations and by time.

    Args:
        every: iterations between two checkpoints.
        seconds: between two checkpoints.
        clock: monotonic seconds.
    """

    def __init__(self, every: int, seconds: float, clock: Callable[[], float]) -> None:
        self._every = every
        self._seconds = seconds
        self._clock = clock
        self._last = clock()
        self._next = self._last + min(_FIRST, seconds)
        self._wanted = False
        self._made_at: tuple[int, int] | None = None

    def follow(self, training: TrainingSettings) -> None:
        """Follow these settings from now on."""
        self._every = training.checkpoint_every
        self._seconds = training.checkpoint_every_s
        self._next = min(self._next, self._last + self._seconds)

    def updated(self, iteration: int, *, round_complete: bool) -> None:
        """The model has this iteration now.

        Args:
            round_complete: the learner decided itself that it was ready, as one that learns from rounds does. Its
                checkpoints are made at each iteration, but not more than one a second.
        """
        late = round_complete and self._clock() - self._last >= _SHORTEST
        self._wanted = self._wanted or late or iteration % self._every == 0

    def due(self, iteration: int, env_steps: int) -> bool:
        """Whether to make one now. A training in which nothing has happened needs none."""
        return (self._wanted or self._clock() >= self._next) and (iteration, env_steps) != self._made_at

    def made(self, iteration: int, env_steps: int) -> None:
        """One was begun."""
        self._wanted = False
        self._made_at = (iteration, env_steps)
        self._last = self._clock()
        self._next = self._last + self._seconds

    def failed(self) -> None:
        """It could not be written. May be called from any thread."""
        self._made_at = None
        self._next = self._clock() + min(_FIRST, self._seconds)
