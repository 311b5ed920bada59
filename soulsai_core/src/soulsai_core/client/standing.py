"""How a player does, for its own terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """One client, seen by itself.

    Attributes:
        steps, episodes: made so far.
        mean_return: of its last complete episodes, None before the first.
        averaged_episodes: number of episodes that mean_return averages.
        place: among the clients that are connected, by admitted steps, and their number; None before it is known.
        iteration: of the model that acts, -1 before the first.
    """

    steps: int
    episodes: int
    mean_return: float | None
    averaged_episodes: int
    place: tuple[int, int] | None
    iteration: int

    @classmethod
    def of(
        cls, steps: int, episodes: int, returns: Sequence[float], place: tuple[int, int] | None, iteration: int
    ) -> Standing:
        """The standing with these last returns."""
        mean = sum(returns) / len(returns) if returns else None
        return cls(steps, episodes, mean, len(returns), place, iteration)
