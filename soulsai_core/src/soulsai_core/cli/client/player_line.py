"""A player's line in its own terminal."""

from __future__ import annotations

from collections.abc import Callable

from soulsai_core.client.standing import Standing
from soulsai_core.node.formatting import count, counted, duration, number


class PlayerLine:
    """Says in one line how the player does. To be asked several times a second: it measures the age of the model.

    Args:
        standing: gives how the player does.
        clock: monotonic seconds.
    """

    def __init__(self, standing: Callable[[], Standing], clock: Callable[[], float]) -> None:
        self._standing = standing
        self._clock = clock
        self._began = clock()
        self._iteration = -1
        self._changed = self._began

    def __call__(self) -> str:
        now = self._clock()
        standing = self._standing()
        if standing.iteration != self._iteration:
            self._iteration = standing.iteration
            self._changed = now
        since = duration(now - self._began)
        if standing.iteration < 0:
            return f"{since}  waiting for the first model"
        parts = [since, f"{count(standing.steps)} steps", counted(standing.episodes, "episode")]
        if standing.mean_return is not None:
            parts.append(f"return {number(standing.mean_return)} (mean of your last {standing.averaged_episodes})")
        if standing.place is not None:
            place, players = standing.place
            parts.append(f"place {place} of {counted(players, 'client')} by steps")
        parts.append(f"model {count(standing.iteration)}, {duration(now - self._changed)} old")
        return "  ".join(parts)
