"""What player and boss have in common: a place, a heading and an animation."""

from __future__ import annotations

import math
from math import atan2, cos, hypot, pi, sin

ARENA_CENTER = (139.0, 596.0)
ARENA_RADIUS = 25.0


def wrap(angle: float) -> float:
    """The angle within -pi .. pi."""
    return (angle + pi) % (2 * pi) - pi


class Body:
    """Headings are the game's: a body with heading a looks along (-sin a, -cos a)."""

    def __init__(self, animation: str) -> None:
        self.x = self.y = self.z = self.heading = 0.0
        self.place(*ARENA_CENTER, 0.0, 0.0)
        self.animation = animation
        self.since = 0.0

    def place(self, x: float, y: float, z: float, heading: float) -> None:
        """Teleport."""
        self.x = float(x)
        self.y = float(y)
        self.z = float(z)
        self.heading = float(heading)

    def play(self, animation: str) -> None:
        """Begin an animation."""
        self.animation = animation
        self.since = 0.0

    def distance(self, other: Body) -> float:
        """In the plane."""
        return hypot(other.x - self.x, other.y - self.y)

    def heading_to(self, other: Body) -> float:
        """The heading with which this body looks at the other."""
        return wrap(atan2(other.x - self.x, other.y - self.y) + pi)

    def bearing(self, other: Body) -> float:
        """How far the body has to turn to look at the other, -pi .. pi."""
        return wrap(self.heading_to(other) - self.heading)

    def turn(self, other: Body, most: float) -> None:
        """Turn towards the other, by `most` radians at most."""
        self.heading = wrap(self.heading + min(max(self.bearing(other), -most), most))

    def go(self, heading: float, distance: float) -> None:
        """Go along a heading; whoever is in the arena stays there, and whoever is outside comes no further out."""
        x = self.x - distance * sin(heading)
        y = self.y - distance * cos(heading)
        out = hypot(x - ARENA_CENTER[0], y - ARENA_CENTER[1])
        if out > ARENA_RADIUS:
            limit = max(ARENA_RADIUS, math.dist(ARENA_CENTER, (self.x, self.y)))
            scale = min(limit / out, 1.0)
            x, y = (c + (v - c) * scale for c, v in zip(ARENA_CENTER, (x, y), strict=True))
        self.x = x
        self.y = y
