"""Watching agents, and drawing what was seen."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from soulsai_core import SoulsAIError
from soulsai_core.cli import main
from soulsai_souls_env.agents import LIGHT_ATTACK, NOTHING, attacker, random_agent
from soulsai_souls_env.config import SoulsConfig
from soulsai_souls_env.drawing import draw, save_gif
from soulsai_souls_env.fight import Ring

START = np.ones(1, np.bool_)
SHORT = SoulsConfig(max_episode_steps=12)


@pytest.fixture
def watched():
    ring = Ring(SHORT, 0, watched=True)
    yield ring.fight(random_agent(0))
    ring.close()


def test_attacker_strikes_whenever_it_may():
    masks = np.ones((1, 20), np.bool_)
    assert attacker(None)({}, masks, START) == LIGHT_ATTACK
    masks[0, LIGHT_ATTACK] = False
    assert attacker(None)({}, masks, START) == NOTHING


def test_random_agent_takes_valid_actions_only():
    agent, masks = random_agent(0), np.zeros((1, 20), np.bool_)
    masks[0, [3, 19]] = True
    assert {agent({}, masks, START) for _ in range(50)} == {3, 19}


def test_fight_is_seen_moment_by_moment(watched):
    assert len(watched.moments) == 12
    assert watched.moments[0].boss_hp == 1.0 and not watched.won
    assert all(0 <= moment.player_hp <= 1 for moment in watched.moments)


def test_same_seed_gives_the_same_fight():
    def fight():
        ring = Ring(SHORT, 3, watched=True)
        return [ring.fight(random_agent(1)) for _ in range(2)]

    assert fight() == fight()


def test_gif_lasts_as_long_as_the_fight(watched, tmp_path):
    image = pytest.importorskip("PIL.Image")
    save_gif(watched.moments, tmp_path / "new" / "fight.gif")
    milliseconds = 0
    with image.open(tmp_path / "new" / "fight.gif") as picture:
        for number in range(picture.n_frames):
            picture.seek(number)
            milliseconds += picture.info["duration"]
    assert milliseconds == 100 * len(watched.moments)


def test_coming_hit_is_drawn(watched):
    pytest.importorskip("PIL")
    moment = watched.moments[0]
    from dataclasses import replace

    threat = replace(moment, boss_animation="Attack3001", boss_since=0.8)
    peace = replace(moment, boss_animation="IdleBattle")
    assert threat != peace
    assert (255 - 20, 50, 50) in {colour for _, colour in draw(threat).getcolors(100_000)}
    assert (255 - 20, 50, 50) not in {colour for _, colour in draw(peace).getcolors(100_000)}


def test_nothing_to_draw_and_a_missing_pillow_are_said_in_a_sentence(watched, tmp_path, monkeypatch):
    with pytest.raises(SoulsAIError, match="nothing to draw"):
        save_gif((), tmp_path / "fight.gif")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(SoulsAIError, match=r"pip install soulsai-souls-env\[draw\]"):
        save_gif(watched.moments, tmp_path / "fight.gif")


def test_command_fights_and_draws(capsys, tmp_path):
    pytest.importorskip("PIL")
    assert main(["fight", "--agent", "attack", "--fights", "2", "--gif", str(tmp_path / "fight.gif")]) == 0
    assert "of 2 fights won" in capsys.readouterr().out
    assert (tmp_path / "fight.gif").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "sentence"), [(["--fights", "0"], "1 or more"), (["--agent", "nowhere"], "There is no folder")]
)
def test_command_refuses_what_cannot_be(capsys, arguments, sentence):
    assert main(["fight", *arguments]) == 2
    assert sentence in capsys.readouterr().err
