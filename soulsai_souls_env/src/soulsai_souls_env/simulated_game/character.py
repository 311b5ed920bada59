"""What player and boss have in common: a pose, movement in the arena, and an animation."""

from __future__ import annotations

import math
from math import atan2, cos, hypot, pi, sin

# Meters, in the game's coordinates.
ARENA_CENTER = (139.0, 596.0)
ARENA_RADIUS = 25.0


def wrap(angle: float) -> float:
    """The same angle within -pi .. pi."""
    return (angle + pi) % (2 * pi) - pi


class Character:
    """A character of the fight.

    Headings are the game's: a character with heading a looks along (-sin a, -cos a).

    Attributes:
        elapsed: seconds since the animation began.
    """

    def __init__(self, animation: str) -> None:
        self.x = 0.0
        self.y = 0.0
        self.z = 0.0
        self.heading = 0.0
        self.animation = animation
        self.elapsed = 0.0
        self.place(*ARENA_CENTER, 0.0, 0.0)

    def place(self, x: float, y: float, z: float, heading: float) -> None:
        """Teleport."""
        self.x = float(x)
        self.y = float(y)
        self.z = float(z)
        self.heading = float(heading)

    def play(self, animation: str) -> None:
        """Begin an animation."""
        self.animation = animation
        self.elapsed = 0.0

    def distance(self, other: Character) -> float:
        """Meters in the plane."""
        return hypot(other.x - self.x, other.y - self.y)

    def heading_to(self, other: Character) -> float:
        """The heading with which this character looks at the other."""
        return wrap(atan2(other.x - self.x, other.y - self.y) + pi)

    def bearing(self, other: Character) -> float:
        """The angle by which this character has to turn to look at the other, -pi .. pi."""
        return wrap(self.heading_to(other) - self.heading)

    def turn_towards(self, other: Character, limit: float) -> None:
        """Turn towards the other by at most `limit` radians."""
        self.heading = wrap(self.heading + min(max(self.bearing(other), -limit), limit))

    def move(self, heading: float, distance: float) -> None:
        """Move along a heading. A character in the arena stays in it."""
        x = self.x - distance * sin(heading)
        y = self.y - distance * cos(heading)
        radius = hypot(x - ARENA_CENTER[0], y - ARENA_CENTER[1])
        if radius > ARENA_RADIUS:
            # Outside, as at the bonfire, a character may move but not further away.
            limit = max(ARENA_RADIUS, math.dist(ARENA_CENTER, (self.x, self.y)))
            scale = min(limit / radius, 1.0)
            x = ARENA_CENTER[0] + (x - ARENA_CENTER[0]) * scale
            y = ARENA_CENTER[1] + (y - ARENA_CENTER[1]) * scale
        self.x = x
        self.y = y
