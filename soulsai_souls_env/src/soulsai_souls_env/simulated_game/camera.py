"""The camera: behind the player, and turned towards the boss while locked on."""

from __future__ import annotations

from collections.abc import Iterable, Set
from math import atan2, cos, hypot, pi, sin

import numpy as np

from soulsai_souls_env.simulated_game.body import Body, wrap

_FOLLOWS = 5.0
_TURNS = 3.0
_TILTS = 1.5
_RANGE = 15.0


class Camera:
    """Attributes:
    angle: direction of the view in the plane, atan2(x, y).
    tilt: its component upwards.
    locked: whether it is locked on to the boss.
    """

    def __init__(self) -> None:
        self.angle = 0.0
        self.tilt = -0.1
        self.locked = False

    @property
    def ahead(self) -> float:
        """The heading of somebody who looks where the camera looks."""
        return wrap(self.angle + pi)

    def toggle_lock(self, player: Body, boss: Body, bonus_range: float) -> None:
        """The lock-on key: it locks only on what is near and in view."""
        view = abs(wrap(atan2(boss.x - player.x, boss.y - player.y) - self.angle))
        near = player.distance(boss) <= _RANGE + bonus_range
        self.locked = not self.locked and near and view < 0.9

    def pass_time(self, dt: float, player: Body, boss: Body, held: Set[str]) -> None:
        """Follow the boss, or the keys."""
        if self.locked:
            off = wrap(atan2(boss.x - player.x, boss.y - player.y) - self.angle)
            self.angle = wrap(self.angle + off * min(_FOLLOWS * dt, 1.0))
            self.tilt += (-0.1 - self.tilt) * min(_FOLLOWS * dt, 1.0)
        elif held:
            turn = ("cameraright" in held) - ("cameraleft" in held)
            tilt = ("cameraup" in held) - ("cameradown" in held)
            self.angle = wrap(self.angle + turn * _TURNS * dt)
            self.tilt = min(max(self.tilt + tilt * _TILTS * dt, -0.7), 0.7)

    def pose(self, player: Body) -> np.ndarray:
        """float64 (6,): position, and the normal of the picture plane."""
        level = (1 - self.tilt**2) ** 0.5
        x = sin(self.angle) * level
        y = cos(self.angle) * level
        return np.array([player.x - 4 * x, player.y - 4 * y, player.z + 1.4, x, y, self.tilt])

    def look(self, normal: Iterable[float]) -> None:
        """Turn to a normal at once."""
        x, y, z = (float(value) for value in normal)
        self.angle = atan2(x, y)
        self.tilt = z / hypot(x, y, z)
