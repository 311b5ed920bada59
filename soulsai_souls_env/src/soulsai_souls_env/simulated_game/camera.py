"""The camera: behind the player, and turned toward the boss while locked on."""

from __future__ import annotations

from collections.abc import Iterable, Set
from math import atan2, cos, hypot, pi, sin

import numpy as np

from soulsai_souls_env.simulated_game.character import Character, wrap

# Share of the angle to the boss that the locked camera turns by in a second, and radians a second of the keys.
_FOLLOW_RATE = 5.0
_TURN_SPEED = 3.0
_TILT_SPEED = 1.5
_LOCK_RANGE = 15.0  # meters
_LOCK_VIEW = 0.9  # radians from the middle of the view
_LOCKED_TILT = -0.1
_MAX_TILT = 0.7
# Where the camera is from the player, in meters.
_BEHIND = 4
_ABOVE = 1.4


class Camera:
    """Attributes:
    angle: direction of the view in the plane, atan2(x, y).
    tilt: upward component of the view's unit vector.
    locked: whether it is locked on to the boss.
    """

    def __init__(self) -> None:
        self.angle = 0.0
        self.tilt = _LOCKED_TILT
        self.locked = False

    @property
    def heading(self) -> float:
        """The heading of a character that looks in the camera's direction."""
        return wrap(self.angle + pi)

    def toggle_lock(self, player: Character, boss: Character, bonus_range: float) -> None:
        """Press the lock-on key. It locks only if the boss is near and in view."""
        view = abs(wrap(atan2(boss.x - player.x, boss.y - player.y) - self.angle))
        near = player.distance(boss) <= _LOCK_RANGE + bonus_range
        self.locked = not self.locked and near and view < _LOCK_VIEW

    def advance(self, dt: float, player: Character, boss: Character, held: Set[str]) -> None:
        """Let `dt` seconds pass: turn to the boss while locked, else with the keys."""
        if self.locked:
            off = wrap(atan2(boss.x - player.x, boss.y - player.y) - self.angle)
            self.angle = wrap(self.angle + off * min(_FOLLOW_RATE * dt, 1.0))
            self.tilt += (_LOCKED_TILT - self.tilt) * min(_FOLLOW_RATE * dt, 1.0)
        elif held:
            turn = ("cameraright" in held) - ("cameraleft" in held)
            tilt = ("cameraup" in held) - ("cameradown" in held)
            self.angle = wrap(self.angle + turn * _TURN_SPEED * dt)
            self.tilt = min(max(self.tilt + tilt * _TILT_SPEED * dt, -_MAX_TILT), _MAX_TILT)

    def pose(self, player: Character) -> np.ndarray:
        """float64 (6,): position in meters, and the normal of the image plane."""
        level = (1 - self.tilt**2) ** 0.5
        x = sin(self.angle) * level
        y = cos(self.angle) * level
        return np.array([player.x - _BEHIND * x, player.y - _BEHIND * y, player.z + _ABOVE, x, y, self.tilt])

    def set_normal(self, normal: Iterable[float]) -> None:
        """Set the direction of the view to this normal of the image plane."""
        x, y, z = (float(value) for value in normal)
        self.angle = atan2(x, y)
        self.tilt = z / hypot(x, y, z)
