"""The state vector: what an agent observes of a fight, as a flat array of float32."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from soulsai_souls_env.animations import IUDEX, IUDEX_NAMES, PLAYER, PLAYER_NAMES, VORDT, VORDT_NAMES, Bins

STEP_SIZE = 0.1
"""Seconds of game time in one step of soulsgym."""
DISTANCE_SCALE = 50.0
"""Meters by which the distance to the boss is divided."""
ONE_HOT = 18
"""Index of the first one-hot number; the numbers before it describe health, poses and durations."""


@dataclass(frozen=True)
class Layout:
    """How the observation of one boss becomes a vector.

    Attributes:
        player, boss: bins of their animations.
        low, high: (3,), corners of the arena in meters, by which positions are scaled.
        player_names, boss_names: of the animations that have bins, in the order of their ids.
        frost: whether frost wears the player down, which two numbers at the end of the vector show.
        middle: where players fight, in meters, if that is not the middle of the corners.
    """

    player: Bins
    boss: Bins
    low: np.ndarray
    high: np.ndarray
    player_names: tuple[str, ...]
    boss_names: tuple[str, ...]
    frost: bool = False
    middle: tuple[float, float] | None = None

    @property
    def center(self) -> tuple[float, float]:
        """The middle of the arena in meters; that of its corners if no other is given."""
        if self.middle is not None:
            return self.middle
        x, y = ((self.low + self.high) / 2)[:2].tolist()
        return x, y

    @property
    def size(self) -> int:
        """Length of the vector: 18, one for each bin, and two for frost."""
        return ONE_HOT + self.player.count + self.boss.count + 2 * self.frost


IUDEX_LAYOUT = Layout(
    PLAYER,
    IUDEX,
    np.array([110.0, 540.0, -73.0]),
    np.array([190.0, 640.0, -55.0]),
    PLAYER_NAMES,
    IUDEX_NAMES,
    middle=(139.0, 596.0),
)

VORDT_LAYOUT = Layout(
    PLAYER, VORDT, np.array([13.0, -7.0, -27.0]), np.array([42.0, 46.0, -15.0]), PLAYER_NAMES, VORDT_NAMES, frost=True
)
LAYOUTS = {"iudex": IUDEX_LAYOUT, "vordt": VORDT_LAYOUT}
"""The layouts of known bosses. They are constants so that a training node needs neither soulsgym nor gymnasium."""


class BossDuration:
    """How long the boss has been in the animations of one bin.

    The game counts from each change of animation. In a shared bin the count goes on over a change within it: the rest
    of the old animation in that step is the step size minus the duration of the new animation.
    """

    def __init__(self, bins: Bins) -> None:
        self._bins = bins
        self.reset()

    def reset(self) -> None:
        """Begin a new episode."""
        self._animation: int | None = None
        self._before = 0.0
        self._total = 0.0

    def update(self, animation: int, duration: float, step_size: float = STEP_SIZE) -> float:
        """The seconds in the bin, after a step of `step_size` that ended `duration` seconds into this animation."""
        if self._animation is not None and animation != self._animation:
            same_bin = self._bins.is_shared(animation) and self._bins.is_shared(self._animation)
            before = self._total if same_bin else 0.0
            self._before = before + step_size - duration if self._bins.is_shared(animation) else 0.0
        self._animation = animation
        self._total = self._before + duration
        return self._total


def state_vector(observation: Mapping[str, Any], boss_duration: float, layout: Layout) -> np.ndarray:
    """float32 (layout.size,) of an observation of soulsgym, whose scalars may be numbers or arrays of one.

    In this order: player HP, SP and boss HP as fractions; distance in the plane / 50; player position, heading as
    (sin, cos); boss position, heading; camera heading; both animation durations; one-hot animations of player and
    boss, all zeros where one is unknown; with frost, what is left of the resistance and of a frostbite's time.
    """
    vector = np.zeros(layout.size, np.float32)
    player, boss, camera = (observation[f"{name}_pose"].tolist() for name in ("player", "boss", "camera"))
    low = layout.low
    high = layout.high
    vector[0] = _number(observation["player_hp"]) / _number(observation["player_max_hp"])
    vector[1] = _number(observation["player_sp"]) / _number(observation["player_max_sp"])
    vector[2] = _number(observation["boss_hp"]) / _number(observation["boss_max_hp"])
    vector[3] = math.hypot(player[0] - boss[0], player[1] - boss[1]) / DISTANCE_SCALE
    vector[4:7] = (observation["player_pose"][:3] - low) / (high - low)
    vector[7:9] = math.sin(player[3]), math.cos(player[3])
    vector[9:12] = (observation["boss_pose"][:3] - low) / (high - low)
    vector[12:14] = math.sin(boss[3]), math.cos(boss[3])
    # The camera's pose holds its normal vector instead of an angle.
    heading = math.atan2(camera[3], camera[4])
    vector[14:16] = math.sin(heading), math.cos(heading)
    vector[16] = _number(observation["player_animation_duration"])
    vector[17] = boss_duration
    for start, bins, key in (
        (ONE_HOT, layout.player, "player_animation"),
        (ONE_HOT + layout.player.count, layout.boss, "boss_animation"),
    ):
        index = bins.index(int(_number(observation[key])))
        if index is not None:
            vector[start + index] = 1.0
    if layout.frost:
        vector[-2:] = _number(observation["frost_resistance"]), _number(observation["frost_effect"])
    return vector


def _number(value: Any) -> float:
    return value.item() if isinstance(value, np.ndarray) else value
