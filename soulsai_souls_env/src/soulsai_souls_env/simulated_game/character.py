"""What player and boss have in common: a pose, movement in the arena, and an animation."""

from __future__ import annotations

from math import atan2, cos, hypot, pi, sin

from soulsai_souls_env.simulated_game.floor import Floor


def wrap(angle: float) -> float:
    """The same angle within -pi .. pi."""
    return (angle + pi) % (2 * pi) - pi


class Character:
    """A character of the fight.

    Headings are the game's: a character with heading a looks along (-sin a, -cos a).

    Args:
        floor: of the arena, in whose middle it begins.

    Attributes:
        elapsed: seconds since the animation began.
    """

    def __init__(self, animation: str, floor: Floor) -> None:
        self.x = 0.0
        self.y = 0.0
        self.z = 0.0
        self.heading = 0.0
        self.animation = animation
        self.elapsed = 0.0
        self._floor = floor
        self.place(*floor.center, 0.0, 0.0)

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
        """Turn toward the other by at most `limit` radians."""
        self.heading = wrap(self.heading + min(max(self.bearing(other), -limit), limit))

    def move(self, heading: float, distance: float) -> None:
        """Move along a heading. A character in the arena stays in it."""
        x = self.x - distance * sin(heading)
        y = self.y - distance * cos(heading)
        self.x, self.y = (x, y) if self._floor.has(x, y) else self._floor.limit((self.x, self.y), (x, y))
