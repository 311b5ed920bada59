"""The state vector as player and boss see each other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from soulsai_souls_env.observation import IUDEX_LAYOUT, VORDT_LAYOUT, state_vector
from soulsai_souls_env.relative import relative_size, relative_vector
from soulsai_souls_env.simulated_game.bosses import BOSSES
from soulsai_souls_env.simulated_game.character import Character

DISTANCE = slice(3, 5)
PLAYER_TURN, BOSS_TURN, CAMERA_TURN = 5, 7, 9


def _pose(x: float, y: float, heading: float) -> np.ndarray:
    return np.array([x, y, -68.0, heading], np.float32)


def _seen(fight: dict[str, Any], player: np.ndarray, boss: np.ndarray, camera: float) -> np.ndarray:
    view = np.array([player[0], player[1], -66.0, math.sin(camera), math.cos(camera), 0.0], np.float32)
    observation = {**fight, "player_pose": player, "boss_pose": boss, "camera_pose": view}
    return relative_vector(state_vector(observation, 0.7, IUDEX_LAYOUT), IUDEX_LAYOUT)


def _turned(pose: np.ndarray, angle: float) -> np.ndarray:
    """The pose after the arena was turned around its middle."""
    middle_x, middle_y = IUDEX_LAYOUT.center
    x, y = float(pose[0]) - middle_x, float(pose[1]) - middle_y
    sin, cos = math.sin(angle), math.cos(angle)
    return _pose(middle_x + x * cos + y * sin, middle_y - x * sin + y * cos, float(pose[3]) + angle)


@pytest.mark.parametrize("seed", range(8))
def test_fight_looks_the_same_when_the_arena_is_turned(recorded_fight, seed: int) -> None:
    rng = np.random.default_rng(seed)
    fight = recorded_fight[0]["observation"]
    player_heading, boss_heading, camera, angle = rng.uniform(-math.pi, math.pi, 4)
    player = _pose(139.0 + rng.uniform(-8, 8), 596.0 + rng.uniform(9, 16), player_heading)
    boss = _pose(139.0 + rng.uniform(-8, 8), 596.0 - rng.uniform(1, 8), boss_heading)
    as_it_was = _seen(fight, player, boss, camera)
    turned = _seen(fight, _turned(player, angle), _turned(boss, angle), camera + angle)
    np.testing.assert_allclose(turned, as_it_was, atol=1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_angles_are_those_by_which_the_characters_have_to_turn(recorded_fight, seed: int) -> None:
    rng = np.random.default_rng(seed)
    player, boss = (Character("Idle", BOSSES["iudex"].floor) for _ in range(2))
    across, along = rng.uniform(-8, 8), rng.uniform(1, 16)
    player.place(139.0, 590.0, -68.0, rng.uniform(-math.pi, math.pi))
    boss.place(139.0 + across, 590.0 + along, -68.0, rng.uniform(-math.pi, math.pi))
    line = math.atan2(across, along)
    seen = _seen(
        recorded_fight[0]["observation"],
        _pose(player.x, player.y, player.heading),
        _pose(boss.x, boss.y, boss.heading),
        camera=line,
    )
    for place, turn in ((PLAYER_TURN, player.bearing(boss)), (BOSS_TURN, boss.bearing(player)), (CAMERA_TURN, 0.0)):
        np.testing.assert_allclose(seen[place : place + 2], [math.sin(turn), math.cos(turn)], atol=1e-3)
    np.testing.assert_allclose(
        seen[DISTANCE], [min(player.distance(boss) / 5, 2), player.distance(boss) / 25], rtol=1e-3
    )


def test_recorded_fighters_look_at_each_other(recorded_fight) -> None:
    """The headings of the real game mean what they are taken for."""
    seen = np.array([relative_vector(np.array(step["expected"], np.float32), IUDEX_LAYOUT) for step in recorded_fight])
    assert np.median(seen[:, PLAYER_TURN + 1]) > 0.95
    assert np.median(seen[:, BOSS_TURN + 1]) > 0.95


@pytest.mark.parametrize("layout", [IUDEX_LAYOUT, VORDT_LAYOUT])
def test_rest_of_the_state_vector_is_kept(layout) -> None:
    vector = np.arange(layout.size, dtype=np.float32)
    seen = relative_vector(vector, layout)
    assert seen.shape == (relative_size(layout),) and seen.dtype == np.float32
    np.testing.assert_array_equal(seen[:3], vector[:3])
    np.testing.assert_array_equal(seen[13:15], vector[16:18])
    np.testing.assert_array_equal(seen[15 : 15 + layout.size - 18], vector[18:])


def test_each_attack_has_a_time_of_its_own(recorded_fight) -> None:
    attacked = {**recorded_fight[0]["observation"], "boss_animation": 4}
    poses = {name: np.array(attacked[name]) for name in ("player_pose", "boss_pose", "camera_pose")}
    vector = state_vector({**attacked, **poses}, 0.75, IUDEX_LAYOUT)
    times = relative_vector(vector, IUDEX_LAYOUT)[-IUDEX_LAYOUT.boss.count :]
    assert times[4] == 0.75 and np.count_nonzero(times) == 1


def test_player_in_the_middle_of_the_boss_is_no_error() -> None:
    vector = np.zeros(IUDEX_LAYOUT.size, np.float32)
    assert np.isfinite(relative_vector(vector, IUDEX_LAYOUT)).all()
