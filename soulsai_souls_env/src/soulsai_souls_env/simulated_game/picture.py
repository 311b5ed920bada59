"""What the camera sees, in a few blocks of colour: enough for image agents to have something to learn from."""

from __future__ import annotations

from math import atan2

import numpy as np

from soulsai_souls_env.simulated_game.body import Body, wrap
from soulsai_souls_env.simulated_game.camera import Camera

HEIGHT = 90
WIDTH = 160
_HORIZON = 34
_VIEW = 1.2
"""Radians from the middle of the picture to its sides, twice."""
_SKY = (96, 104, 120)
_GROUND = (88, 84, 76)


def draw(player: Body, boss: Body, camera: Camera) -> np.ndarray:
    """uint8 (90, 160, 3): the boss grows as it comes nearer, turns red before it hits, and both show their health."""
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    picture[:_HORIZON] = _SKY
    picture[_HORIZON:] = _GROUND
    pose = camera.pose(player)
    dx = boss.x - pose[0]
    dy = boss.y - pose[1]
    distance = max(float(np.hypot(dx, dy)), 1.0)
    middle = WIDTH / 2 + wrap(atan2(dx, dy) - camera.angle) / _VIEW * WIDTH
    height = 160 / distance
    attacking = boss.animation.startswith("Attack")
    _block(picture, _HORIZON + 90 / distance, middle, height, height * 0.6, _colour(boss, attacking))
    _block(picture, 80, WIDTH / 2, 28, 14, _colour(player, player.animation.startswith("Attack")))
    picture[84:87, : int(WIDTH * max(getattr(boss, "hp", 0.0), 0) / 1037)] = (180, 30, 30)
    picture[3:6, : int(WIDTH / 2 * max(getattr(player, "hp", 0.0), 0) / 454)] = (30, 180, 30)
    return picture


def _colour(body: Body, attacking: bool) -> tuple[int, int, int]:
    phase = int(min(body.since, 3.0) * 60)
    return (70 + phase, 40, 40) if attacking else (40, 40, 60 + phase // 2)


def _block(picture: np.ndarray, bottom: float, middle: float, height: float, width: float, colour: object) -> None:
    top = max(int(bottom - height), 0)
    left = max(int(middle - width / 2), 0)
    picture[top : max(int(bottom), 0), left : max(int(middle + width / 2), 0)] = colour
