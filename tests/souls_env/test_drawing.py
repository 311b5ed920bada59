"""Fights in the simulated game are played, drawn and filmed as any other environment."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from benchmarks.souls.baselines import LIGHT_ATTACK, NO_OP, Baseline, at_random, attacking, baseline

from soulsai_core import SoulsAIError
from soulsai_souls_env.building import build, make_gym
from soulsai_souls_env.config import SoulsConfig
from soulsai_souls_env.drawing import _BACKGROUND, _HIT, draw
from soulsai_souls_env.observation import STEP_SIZE
from soulsai_souls_env.snapshots import snapshot

START = np.ones(1, np.bool_)
ROLL = 8
SHORT = SoulsConfig(game="simulated", max_episode_steps=12)
ARENA = (0, 50, 340, 350)  # the legend has the colors, too


@pytest.fixture(scope="module")
def begun():
    """The state of a fight that has just begun."""
    env = make_gym(SHORT, 0)
    env.reset()
    yield snapshot(env.unwrapped)
    env.close()


def colors(image):
    return {color for _, color in image.crop(ARENA).getcolors(100_000)}


def test_attack_agent_attacks_whenever_that_is_valid():
    masks = np.ones((1, 20), np.bool_)
    actor = Baseline(attacking())
    assert actor.act({}, masks, START)[0] == [LIGHT_ATTACK]
    masks[0, LIGHT_ATTACK] = False
    assert actor.act({}, masks, START)[0] == [NO_OP]


def test_random_agent_takes_valid_actions_only():
    masks = np.zeros((1, 20), np.bool_)
    masks[0, [3, 19]] = True
    actor = Baseline(at_random())
    assert {int(actor.act({}, masks, START)[0][0]) for _ in range(50)} == {3, 19}


def test_same_seed_gives_the_same_fight():
    def fights():
        played = baseline("random", SHORT).play(2, seed=3)
        return [(episode.total_reward, episode.length, episode.metrics) for episode in played]

    assert fights() == fights()


def test_state_has_positions_and_shares_of_health(begun):
    assert begun.boss_hp == begun.player_hp == 1.0
    assert begun.player[:2] != begun.boss[:2]


def test_each_step_is_a_picture_and_the_last_one_says_how_the_fight_has_ended():
    pytest.importorskip("PIL")
    environment = build(SHORT, 0)
    pictures = []
    [episode] = baseline("random", SHORT).play(
        1, environment=environment, watch=lambda step: pictures.append(environment.picture())
    )
    environment.close()
    assert (len(pictures), episode.length, episode.metrics["won"]) == (13, 12, 0.0)
    box = np.array([np.all(picture[185:187, 5:335] == _BACKGROUND) for picture in pictures])
    assert box[-1] and not box[:-1].any()


@pytest.mark.parametrize("skip_steps", [False, True])
def test_clock_of_a_film_is_the_games_own(newest, skip_steps, monkeypatch):
    pytest.importorskip("PIL")
    times = []
    monkeypatch.setattr(
        "soulsai_souls_env.drawing.draw",
        lambda *args, seconds, won: times.append(seconds) or np.zeros((2, 2, 3), np.uint8),
    )
    environment = build(SHORT.model_copy(update={"skip_steps": skip_steps, "timed": True}), 0)
    environment.reset()
    lengths = []
    for _ in range(5):
        environment.picture()
        lengths.append(environment.step(np.array([ROLL])).durations.item() * STEP_SIZE)
    environment.picture()
    assert times == pytest.approx([0.0, *np.cumsum(lengths)], abs=1e-3)
    environment.reset()
    environment.picture()
    assert times[-1] == 0.0
    environment.close()


def test_active_hit_is_drawn_in_red(begun):
    pytest.importorskip("PIL")
    attacking = replace(begun, boss_animation="Attack3001", boss_elapsed=0.8)
    idling = replace(begun, boss_animation="IdleBattle")
    assert _HIT in colors(draw(attacking))
    assert _HIT not in colors(draw(idling))


def test_drawing_without_pillow_is_refused_with_the_reason(begun, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(SoulsAIError, match=r"pip install soulsai-souls-env\[draw\]"):
        draw(begun)
