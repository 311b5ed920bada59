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

    def limit(self, before: Place, after: Place) -> Place:
        """Where a character ends that would move from one place to another."""
        ...


@dataclass(frozen=True)
class Disc:
    """A round floor."""

    center: Place
    radius: float

    def limit(self, before: Place, after: Place) -> Place:
        """Outside, as at the bonfire, a character may move but not further away."""
        distance = math.dist(self.center, after)
        if distance <= self.radius:
            return after
        scale = min(max(self.radius, math.dist(self.center, before)) / distance, 1.0)
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

    def limit(self, before: Place, after: Place) -> Place:
        """Outside, as at the bonfire, a character may move as it likes."""
        x, y = (min(max(value, low), high) for value, low, high in zip(after, self.low, self.high, strict=True))
        inside = all(low <= value <= high for value, low, high in zip(before, self.low, self.high, strict=True))
        return (x, y) if inside else after
