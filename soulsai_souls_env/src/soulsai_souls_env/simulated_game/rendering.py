"""Images of the simulated game: a few blocks of color that contain what image agents need to learn."""

from __future__ import annotations

from math import atan2

import numpy as np

from soulsai_souls_env.simulated_game.boss import Boss
from soulsai_souls_env.simulated_game.camera import Camera
from soulsai_souls_env.simulated_game.character import Character, wrap
from soulsai_souls_env.simulated_game.player import MAX_HP as PLAYER_MAX_HP
from soulsai_souls_env.simulated_game.player import Player

HEIGHT = 90
WIDTH = 160
_HORIZON = 34
"""Row of the image."""
_FIELD_OF_VIEW = 1.2
"""Radians between the left and the right side of the image."""
_SKY = (96, 104, 120)
_GROUND = (88, 84, 76)
_BOSS_HEALTH = (180, 30, 30)
_PLAYER_HEALTH = (30, 180, 30)

Color = tuple[int, int, int]


def render(player: Player, boss: Boss, camera: Camera) -> np.ndarray:
    """uint8 (90, 160, 3).

    The boss grows as it comes nearer and turns red during an attack; two bars show the health of both characters.
    """
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    image[:_HORIZON] = _SKY
    image[_HORIZON:] = _GROUND
    pose = camera.pose(player)
    dx = boss.x - pose[0]
    dy = boss.y - pose[1]
    distance = max(float(np.hypot(dx, dy)), 1.0)
    middle = WIDTH / 2 + wrap(atan2(dx, dy) - camera.angle) / _FIELD_OF_VIEW * WIDTH
    height = 160 / distance
    _draw_block(image, _HORIZON + 90 / distance, middle, height, height * 0.6, _color(boss))
    _draw_block(image, 80, WIDTH / 2, 28, 14, _color(player))
    image[84:87, : int(WIDTH * max(boss.hp, 0) / boss.model.max_hp)] = _BOSS_HEALTH
    image[3:6, : int(WIDTH / 2 * max(player.hp, 0) / PLAYER_MAX_HP)] = _PLAYER_HEALTH
    return image


def resized(image: np.ndarray, resolution: tuple[int, int]) -> np.ndarray:
    """The nearest pixels of an image, in another resolution (rows, columns)."""
    if image.shape[:2] == tuple(resolution):
        return image
    rows, columns = (np.arange(size) * had // size for size, had in zip(resolution, image.shape, strict=False))
    return image[rows][:, columns]


def _color(character: Character) -> Color:
    # The color changes with the animation's time: otherwise one image would not show when a hit comes.
    brightness = int(min(character.elapsed, 3.0) * 60)
    if character.animation.startswith("Attack"):
        return 70 + brightness, 40, 40
    return 40, 40, 60 + brightness // 2


def _draw_block(image: np.ndarray, bottom: float, middle: float, height: float, width: float, color: Color) -> None:
    # Clipped at the top and the left, where a negative index would count from the other end.
    top = max(int(bottom - height), 0)
    left = max(int(middle - width / 2), 0)
    image[top : max(int(bottom), 0), left : max(int(middle + width / 2), 0)] = color
