"""Fights against Vordt, whose environment only the newest source of soulsgym has."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from benchmarks.souls.baselines import Baseline, at_random, baseline, simulated, win_rate
from valid_actions import valid_actions

from soulsai_core import Discrete, EnvironmentFailure
from soulsai_core.testing.environment import EnvironmentContract
from soulsai_souls_env.adapter import import_soulsgym
from soulsai_souls_env.building import make_gym
from soulsai_souls_env.config import SoulsConfig
from soulsai_souls_env.observation import VORDT_LAYOUT, BossDuration, state_vector
from soulsai_souls_env.plugin import plugin as souls

VORDT = simulated("vordt")
NO_OP = 19
WALK, TURN, RUN = 14, 19, 22


@pytest.mark.usefixtures("newest")
class TestContract(EnvironmentContract):
    @pytest.fixture
    def plugin(self):
        return souls

    @pytest.fixture
    def config(self):
        return VORDT.model_copy(update={"max_episode_steps": 40})


def test_spec_needs_no_soulsgym():
    spec = souls.spec(SoulsConfig(id="SoulsGymVordt-v0"))
    assert (spec.observations["observation"].shape, spec.action, spec.masked) == ((90,), Discrete(20), True)


def test_frost_is_at_the_end_of_the_vector(recorded_fight):
    observation = recorded_fight[200]["observation"] | {"frost_resistance": np.array([0.25]), "frost_effect": 0.5}
    vector = state_vector(observation, 0.0, VORDT_LAYOUT)
    assert vector.shape == (72,) and vector[-2:].tolist() == [0.25, 0.5]


def test_walking_and_turning_share_a_bin_and_running_has_its_own():
    duration = BossDuration(VORDT_LAYOUT.boss)
    duration.update(WALK, 0.7)
    assert duration.update(TURN, 0.03) == pytest.approx(0.8)
    assert duration.update(RUN, 0.04) == 0.04


def test_unmodified_environment_reports_how_the_fight_ended(newest):
    env = make_gym(VORDT.model_copy(update={"max_episode_steps": 3}), 0)
    assert env.reset()[0].shape == (90,)
    infos = [env.step(NO_OP)[4] for _ in range(3)]
    assert [infos[-1][name] for name in ("won", "boss_hp", "player_hp")] == [0, 1, 1]
    env.close()


def test_second_phase_is_reached_once_for_each_reload_and_the_boss_begins_with_full_health(newest):
    env = make_gym(VORDT.model_copy(update={"phase": 2, "max_episode_steps": 3}), 0)
    game = env.unwrapped.game
    env.reset()
    assert game.arena.boss.second_phase and game.vordt_hp == game.vordt_max_hp == 1328
    before = game.clock.wall_time()
    env.reset()
    assert game.clock.wall_time() - before < 5, "it was not brought into the second phase again"
    game.clock.skip(1000)
    env.reset()
    assert game.arena.boss.second_phase, "after a reload it was"
    env.close()


def test_first_phase_has_no_breath_of_frost_and_the_second_one_has(newest):
    seen = {}
    for phase in (1, 2):
        config = VORDT.model_copy(update={"phase": phase})
        seen[phase] = set()
        env = make_gym(config, 0)
        actor = Baseline(at_random())
        for _ in range(4):
            _, info = env.reset()
            ended = False
            while not ended:
                masks = valid_actions(info, env.action_space.n)[None]
                _, _, terminated, truncated, info = env.step(int(actor.act({}, masks, None)[0][0]))
                seen[phase].add(env.unwrapped.game.arena.boss.animation)
                ended = terminated or truncated
    assert "Attack3020" in seen[2] - seen[1]
    assert "Attack3017" in seen[1] & seen[2], "it charges from afar"


def test_random_and_always_attacking_agents_rarely_win(newest):
    for name, most in (("random", 0), ("attack", 20)):
        assert win_rate(baseline(name, VORDT), 10, VORDT) <= most


@pytest.mark.parametrize("config", [VORDT, SoulsConfig(id="SoulsGymVordt-v0")])
def test_soulsgym_without_vordt_is_refused_with_where_to_get_it(config, monkeypatch):
    import_soulsgym()  # before: on what it takes for Windows its modules look for Windows' own
    monkeypatch.setattr("platform.system", lambda: "Windows")
    monkeypatch.delitem(gymnasium.registry, config.id, raising=False)
    with pytest.raises(EnvironmentFailure, match=r"SoulsGymVordt-v0 is not in .*github\.com/amacati/SoulsGym"):
        souls.make(config, 0)
