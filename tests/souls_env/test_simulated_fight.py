"""soulsgym's own environment, unmodified, with the simulated game: the installed one, and the newest source."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from valid_actions import valid_actions

from soulsai_core import EnvironmentFailure
from soulsai_souls_env.building import make_gym
from soulsai_souls_env.config import FaultsConfig, ImageConfig, SimulationConfig, SoulsConfig

ROLL = 8
HIT = 16
NO_OP = 19
FIGHTS = 10


def fight(config, choose, episodes=1, seed=0):
    """The last info of each episode, and how long it was."""
    env = make_gym(config, seed)
    found = []
    for _ in range(episodes):
        _, info = env.reset()
        for length in range(1, 4000):
            _, _, terminated, truncated, info = env.step(choose(np.flatnonzero(valid_actions(info, 20))))
            if terminated or truncated:
                found.append((info, length))
                break
    env.close()
    return found


def test_environment_is_soulsgyms_own():
    env = make_gym(SoulsConfig(game="simulated"), 0).unwrapped
    assert type(env).__module__ == "soulsgym.envs.darksouls3.iudex"
    assert "site-packages" in inspect.getfile(type(env))
    env.close()


def test_random_and_always_attacking_agents_rarely_win(any_soulsgym):
    rng = np.random.default_rng(0)
    config = SoulsConfig(game="simulated")
    random_fights = fight(config, lambda allowed: int(rng.choice(allowed)), FIGHTS)
    attack_fights = fight(config, lambda allowed: HIT if HIT in allowed else NO_OP, FIGHTS)
    assert sum(info["won"] for info, _ in random_fights) == 0
    assert sum(info["won"] for info, _ in attack_fights) <= 0.2 * FIGHTS
    assert all(length > 20 for _, length in random_fights + attack_fights)


def test_health_of_both_and_the_outcome_are_reported_at_the_end_only(any_soulsgym):
    env = make_gym(SoulsConfig(game="simulated", max_episode_steps=5), 0)
    env.reset()
    infos = [env.step(NO_OP)[4] for _ in range(5)]
    assert all("won" not in info for info in infos[:-1])
    assert [infos[-1][name] for name in ("won", "boss_hp", "player_hp")] == [0, 1, 1]


def test_second_phase_changes_the_boss(any_soulsgym):
    env = make_gym(SoulsConfig(game="simulated", phase=2), 0)
    env.reset()
    assert env.unwrapped.game.arena.boss.second_phase
    assert env.unwrapped.game.iudex_hp == env.unwrapped.game.iudex_max_hp


def test_reset_after_fifteen_simulated_minutes_reloads_the_game(any_soulsgym):
    config = SoulsConfig(game="simulated", max_episode_steps=10)
    env = make_gym(config, 0)
    env.reset()
    env.unwrapped.game.clock.skip(1000)
    before = env.unwrapped._last_hard_reset
    env.reset()
    assert env.unwrapped._last_hard_reset > before + 900


def test_steps_take_a_tenth_of_a_second_of_game_time(any_soulsgym):
    env = make_gym(SoulsConfig(game="simulated"), 0)
    env.reset()
    before = env.unwrapped.game.clock.milliseconds
    for _ in range(50):
        env.step(NO_OP)
    assert env.unwrapped.game.clock.milliseconds - before == pytest.approx(5000, rel=0.1)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [("lost_focus", "lost the focus"), ("crash", "MemoryReadError"), ("dialog", "3 rolls in a row had no effect")],
)
def test_fault_ends_the_step_with_an_error(any_soulsgym, kind, sentence):
    from soulsai_souls_env.plugin import plugin

    faults = FaultsConfig(kinds=(kind,), every=20, exact=True)
    config = SoulsConfig(game="simulated", simulation=SimulationConfig(faults=faults))
    environment = plugin.make(config, 0)
    environment.reset()
    with pytest.raises(EnvironmentFailure, match=sentence):
        for _ in range(200):
            environment.step(np.array([ROLL]))
    environment.close()


def test_pictures_come_in_the_resolution_that_is_wanted(any_soulsgym):
    image = ImageConfig(height=45, width=64)
    env = make_gym(SoulsConfig(game="simulated", id="SoulsGymIudexImg-v0", image=image), 0)
    picture, _ = env.reset()
    assert picture.shape == env.observation_space.shape == (45, 64, 3) and picture.dtype == np.uint8
    assert len(np.unique(picture)) > 5
    env.close()


def test_skipped_steps_are_fewer_and_longer_and_their_length_is_reported(newest):
    from soulsai_souls_env.plugin import plugin

    environment = plugin.make(SoulsConfig(game="simulated", skip_steps=True), 0)
    environment.reset()
    steps = [environment.step(np.array([ROLL])) for _ in range(10)]
    assert max(step.durations.item() for step in steps) > 5, "a roll takes more than half a second"
    assert all(step.masks.sum() > 1 for step in steps)
    environment.close()
