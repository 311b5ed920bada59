"""The state vector as player and boss see each other, instead of where they are in the arena.

What decides in a fight is how far away the boss is, whether it looks at the player, and how long its attack has been
going on. In the arena's coordinates a network has to find that out for each place and each heading anew.
"""

from __future__ import annotations

import math

import numpy as np

from soulsai_souls_env.observation import DISTANCE_SCALE, ONE_HOT, Layout

_NEAR = 5.0  # meters; attacks reach about as far
_FAR = 25.0  # meters
_SEEN = 15
"""Numbers before the one-hot ones."""


def relative_size(layout: Layout) -> int:
    """Length of the vector of `relative_vector`."""
    return layout.size - ONE_HOT + _SEEN + layout.boss.count


def relative_vector(vector: np.ndarray, layout: Layout) -> np.ndarray:
    """float32 (relative_size,) of a state vector (layout.size,).

    In this order: player HP, SP and boss HP as fractions; the distance in two scales; as (sin, cos) the angles by which
    the player would have to turn to look at the boss, and the boss to look at the player, and the camera to look at the
    boss; the middle of the arena from the player, along the line to the boss and across it; both animation durations;
    then the rest of the state vector, one-hot animations and frost; and the one-hot animations of the boss times their
    duration, by which each attack has a time of its own.
    """
    size = layout.high - layout.low
    player = (layout.low + vector[4:7] * size)[:2].tolist()
    boss = (layout.low + vector[9:12] * size)[:2].tolist()
    distance = float(vector[3]) * DISTANCE_SCALE
    x, y = _direction(boss[0] - player[0], boss[1] - player[1])
    aside_x = float(layout.center[0]) - player[0]
    aside_y = float(layout.center[1]) - player[1]
    player_turn = _between(x, y, vector[7:9].tolist())
    seen = (
        min(distance / _NEAR, 2.0),
        distance / _FAR,
        # A heading of the game points backwards: a character with heading a looks along (-sin a, -cos a).
        -player_turn[0],
        -player_turn[1],
        *_between(x, y, vector[12:14].tolist()),
        *_between(x, y, vector[14:16].tolist()),
        (aside_x * x + aside_y * y) / _FAR,
        (aside_x * y - aside_y * x) / _FAR,
    )
    animations = vector[ONE_HOT:]
    of_boss = vector[ONE_HOT + layout.player.count :][: layout.boss.count]
    durations = vector[16:18]
    return np.concatenate(
        [vector[:3], np.array(seen, np.float32), durations, animations, of_boss * durations[1]], dtype=np.float32
    )


def _direction(x: float, y: float) -> tuple[float, float]:
    length = math.hypot(x, y)
    return (x / length, y / length) if length > 0 else (0.0, 1.0)


def _between(x: float, y: float, heading: list[float]) -> tuple[float, float]:
    """(sin, cos) of the angle from a heading (sin, cos) to the direction (x, y), which is a (sin, cos) itself."""
    sin, cos = heading
    return x * cos - y * sin, y * cos + x * sin
