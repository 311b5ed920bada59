"""The state vector."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soulsai_souls_env.animations import IUDEX, PLAYER, make_bins
from soulsai_souls_env.observation import IUDEX_LAYOUT, STEP_SIZE, BossDuration, state_vector

UNKNOWN = -1
WALK, TURN, IDLE, ATTACK = 19, 24, 23, 4


def _replay(steps: list[dict[str, Any]]) -> list[np.ndarray]:
    duration = BossDuration(IUDEX)
    return [_vector(step["observation"], duration) for step in steps]


def _vector(observation: dict[str, Any], duration: BossDuration) -> np.ndarray:
    animation, since = observation["boss_animation"], observation["boss_animation_duration"]
    return state_vector(observation, duration.update(int(animation), float(since)), IUDEX_LAYOUT)


def test_recorded_fight_is_reproduced(recorded_fight: list[dict[str, Any]]) -> None:
    for number, (vector, step) in enumerate(zip(_replay(recorded_fight), recorded_fight, strict=True)):
        assert vector.dtype == np.float32 and vector.shape == (74,)
        np.testing.assert_allclose(vector, step["expected"], rtol=0, atol=1e-6, err_msg=f"step {number}")
    assert len(recorded_fight) == 431


def test_scalars_may_be_arrays_of_one(recorded_fight: list[dict[str, Any]]) -> None:
    observation = recorded_fight[200]["observation"]
    wrapped = {
        name: np.array([value], np.float32) if isinstance(value, int | float) else value
        for name, value in observation.items()
    }
    np.testing.assert_array_equal(
        state_vector(wrapped, 0.3, IUDEX_LAYOUT), state_vector(observation, 0.3, IUDEX_LAYOUT)
    )


@pytest.mark.parametrize(("name", "start", "count"), [("player", 18, 31), ("boss", 49, 25)])
@pytest.mark.parametrize("animation", [UNKNOWN, 99])
def test_unknown_animation_gives_all_zeros(recorded_fight, name: str, start: int, count: int, animation: int) -> None:
    observation = {**recorded_fight[0]["observation"], f"{name}_animation": animation}
    vector = state_vector(observation, 0.0, IUDEX_LAYOUT)
    assert not vector[start : start + count].any()
    assert vector[18:].sum() == 1


@given(player=st.integers(0, 49), boss=st.integers(0, 31))
def test_every_known_animation_is_in_exactly_one_bin(recorded_fight, player: int, boss: int) -> None:
    observation = {**recorded_fight[0]["observation"], "player_animation": player, "boss_animation": boss}
    vector = state_vector(observation, 0.0, IUDEX_LAYOUT)
    assert np.flatnonzero(vector[18:49]).tolist() == [PLAYER.bin_of[player]]
    assert np.flatnonzero(vector[49:]).tolist() == [IUDEX.bin_of[boss]]


def test_bins_are_numbered_in_the_order_of_the_table() -> None:
    assert make_bins(6, [(1, 4), (2, 3)]).bin_of.tolist() == [0, 1, 2, 2, 1, 3]
    assert (PLAYER.count, IUDEX.count) == (31, 25)


def test_boss_duration_goes_on_within_a_shared_bin() -> None:
    duration = BossDuration(IUDEX)
    assert duration.update(WALK, 0.7) == 0.7
    assert duration.update(TURN, 0.03) == pytest.approx(0.8)
    assert duration.update(TURN, 0.13) == pytest.approx(0.9)


def test_boss_duration_starts_anew_outside_of_a_shared_bin() -> None:
    duration = BossDuration(IUDEX)
    duration.update(WALK, 0.7)
    assert duration.update(ATTACK, 0.04) == 0.04
    assert duration.update(IDLE, 0.02) == 0.02
    assert duration.update(WALK, 0.03) == pytest.approx(STEP_SIZE)


def test_reset_clears_the_boss_duration() -> None:
    duration = BossDuration(IUDEX)
    duration.update(WALK, 5.0)
    duration.reset()
    assert duration.update(TURN, 0.0) == 0.0
