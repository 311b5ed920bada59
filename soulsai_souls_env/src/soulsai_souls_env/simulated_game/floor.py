"""The floors of the arenas, in the game's coordinates (meters). A character in the arena stays on the floor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

Place = tuple[float, float]


class Floor(Protocol):
    """The shape of a floor."""

    @property
    def center(self) -> Place: ...

    def has(self, x: float, y: float) -> bool:
        """Whether a place is on the floor. Asked for each movement, so it has to be fast."""
        ...

    def limit(self, before: Place, after: Place) -> Place:
        """Where a character ends that would move from one place to another, which is not on the floor."""
        ...


@dataclass(frozen=True)
class Disc:
    """A round floor."""

    center: Place
    radius: float

    def has(self, x: float, y: float) -> bool:
        return math.hypot(x - self.center[0], y - self.center[1]) <= self.radius

    def limit(self, before: Place, after: Place) -> Place:
        """Outside, as at the bonfire, a character may move but not further away."""
        scale = min(max(self.radius, math.dist(self.center, before)) / math.dist(self.center, after), 1.0)
        x, y = self.center
        return x + (after[0] - x) * scale, y + (after[1] - y) * scale


@dataclass(frozen=True)
class Rectangle:
    """A hall between two corners."""

    low: Place
    high: Place

    @property
    def center(self) -> Place:
        return (self.low[0] + self.high[0]) / 2, (self.low[1] + self.high[1]) / 2

    def has(self, x: float, y: float) -> bool:
        return self.low[0] <= x <= self.high[0] and self.low[1] <= y <= self.high[1]

    def limit(self, before: Place, after: Place) -> Place:
        """Outside, as at the bonfire, a character may move as it likes."""
        if not self.has(*before):
            return after
        x, y = (min(max(value, low), high) for value, low, high in zip(after, self.low, self.high, strict=True))
        return x, y
