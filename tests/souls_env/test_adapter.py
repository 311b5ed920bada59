"""What differs between soulsgym's versions, decided by what is there."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from soulsai_core import EnvironmentFailure
from soulsai_souls_env import adapter, wrappers
from soulsai_souls_env.animations import IUDEX_NAMES, PLAYER_NAMES
from soulsai_souls_env.building import make_gym
from soulsai_souls_env.config import ImageConfig, SoulsConfig
from soulsai_souls_env.error_messages import environment_error
from soulsai_souls_env.observation import IUDEX_LAYOUT
from soulsai_souls_env.plugin import plugin

OLD = "OldGym-v0"
NEW = "NewGym-v0"
FIXED = "FixedGym-v0"


class Old:
    """The constructor of PyPI's environments."""

    def __init__(self, game_speed=1.0, phase=1, init_pose_randomization=False):
        self._internal_state = "old"


class New:
    """The constructor of the newest source's environments."""

    ARENA_LIM_LOW = (1.0, 2.0, 3.0, -3.1416)
    ARENA_LIM_HIGH = (4.0, 5.0, 6.0, 3.1416)

    def __init__(self, game_speed=1.0, phase=1, random_player_pose=False, skip_steps=False, resolution=(90, 160)):
        self._game_state = "new"


class Fixed:
    def __init__(self, game_speed=1.0):
        pass


@pytest.fixture(autouse=True)
def soulsgym(monkeypatch):
    adapter.import_soulsgym()
    classes = {OLD: Old, NEW: New, FIXED: Fixed}
    monkeypatch.setattr(adapter, "environment_class", lambda env_id: classes[env_id])


def arguments(env_id, **settings):
    # Without validation: the ids of these classes are none of soulsgym's.
    return adapter.constructor_arguments(SoulsConfig(**settings).model_copy(update={"id": env_id}))


def test_arguments_have_the_names_that_the_constructor_has():
    assert arguments(OLD, game_speed=2, phase=2, init_pose_randomization=True) == {
        "game_speed": 2, "phase": 2, "init_pose_randomization": True
    }  # fmt: skip
    assert arguments(NEW, init_pose_randomization=True, skip_steps=True) == {
        "game_speed": 1, "phase": 1, "random_player_pose": True, "skip_steps": True
    }  # fmt: skip
    assert arguments(FIXED, kwargs={"more": 1}) == {"game_speed": 1, "more": 1}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [({"init_pose_randomization": True}, "same position"), ({"skip_steps": True}, "cannot skip steps")],
)
def test_setting_that_the_environment_does_not_have_is_refused_with_the_reason(settings, sentence):
    with pytest.raises(EnvironmentFailure, match=sentence):
        arguments(FIXED, **settings)


@pytest.mark.parametrize(("rows", "columns", "passed"), [(90, 160, False), (45, 80, True), (900, 1600, False)])
def test_pictures_are_asked_for_in_the_resolution_that_is_wanted_where_that_fits(rows, columns, passed):
    image = ImageConfig(height=rows, width=columns)
    assert ("resolution" in arguments(NEW, image=image)) is passed
    assert "resolution" not in arguments(OLD, image=image)


def test_own_count_of_the_fight_is_found_under_both_names():
    assert [adapter.state_reader(env)(env) for env in (Old(), New())] == ["old", "new"]


def test_arena_is_read_from_the_class_or_from_the_file_of_settings():
    low, high = adapter.arena_limits(NEW, "iudex")
    assert (low.tolist(), high.tolist()) == ([1, 2, 3], [4, 5, 6])
    low, high = adapter.arena_limits(OLD, "iudex")
    assert (low.tolist(), high.tolist()) == (IUDEX_LAYOUT.low.tolist(), IUDEX_LAYOUT.high.tolist())


def test_cause_of_an_error_that_was_raised_after_several_tries_is_found():
    error = RuntimeError("Function 'reset' failed after 3 retries")
    error.__cause__ = ValueError("Player does not seem to be ingame")
    assert "Load your character" in str(environment_error("reset", "Game-v0", error))


def test_environment_of_the_newest_source_is_refused_with_how_to_install_it(monkeypatch):
    monkeypatch.undo()
    monkeypatch.delitem(gymnasium.registry, "SoulsGymVordt-v0", raising=False)
    with pytest.raises(EnvironmentFailure, match=r"SoulsGymVordt-v0 is not in .*pip install .*github\.com"):
        adapter.environment_class("SoulsGymVordt-v0")


def test_recorded_fight_is_the_same_with_another_order_of_animations(recorded_fight, monkeypatch):
    tables = {"player": ["New", *reversed(PLAYER_NAMES)], "boss": [*reversed(IUDEX_NAMES), "New"]}
    monkeypatch.setattr(wrappers, "player_animations", lambda: tables["player"])
    monkeypatch.setattr(wrappers, "boss_animations", lambda boss: tables["boss"])
    vectors = wrappers.StateVector(gymnasium.Env(), IUDEX_LAYOUT, "iudex")
    known = {"player": PLAYER_NAMES, "boss": IUDEX_NAMES}
    for step in recorded_fight:
        observation = dict(step["observation"])
        for who, names in known.items():
            animation = observation[f"{who}_animation"]
            observation[f"{who}_animation"] = -1 if animation < 0 else tables[who].index(names[animation])
        np.testing.assert_allclose(vectors.observation(observation), step["expected"], rtol=0, atol=1e-6)


def test_lengths_of_steps_are_reported_in_usual_steps_where_it_is_asked_for(monkeypatch):
    monkeypatch.undo()
    config = SoulsConfig(game="simulated", timed=True)
    assert plugin.spec(config).timed and not plugin.spec(SoulsConfig()).timed
    environment = plugin.make(config, 0)
    assert environment.reset().durations == [1]
    durations = [environment.step(np.array([19])).durations.item() for _ in range(20)]
    assert np.mean(durations) == pytest.approx(1, abs=0.1)
    environment.close()


def test_skipped_steps_are_not_taken_for_rolls_without_effect(monkeypatch):
    monkeypatch.undo()
    env = make_gym_with_step_times(SoulsConfig(game="simulated"), seconds=0.9)
    for _ in range(10):
        env.step(8)
    env.close()


def make_gym_with_step_times(config, seconds):
    """A fight whose rolls have no effect, as behind a dialog, and whose steps seem to take this long."""
    env = make_gym(config, 0)
    env.reset()
    env.unwrapped.game.faults.inject("dialog")
    check = env
    while not isinstance(check, wrappers.InputCheck):
        check = check.env
    check._times = type("Times", (), {"seconds": seconds})()
    return env
