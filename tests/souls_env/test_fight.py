"""Fights of agents in the simulated game, and their drawings."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from soulsai_core import ArraySpec, Discrete, EnvSpec, SoulsAIError
from soulsai_core.cli import main
from soulsai_souls_env import agents
from soulsai_souls_env.agents import LIGHT_ATTACK, NO_OP, attack_agent, random_agent
from soulsai_souls_env.config import SoulsConfig, boss_config
from soulsai_souls_env.drawing import _HIT, FRAME_MS, OUTCOME_MS, draw, save_gif
from soulsai_souls_env.fight import FightRunner
from soulsai_souls_env.plugin import plugin

START = np.ones(1, np.bool_)
SHORT = SoulsConfig(max_episode_steps=12)


@pytest.fixture
def recorded():
    runner = FightRunner(SHORT, 0, record=True)
    yield runner.fight(random_agent(0))
    runner.close()


def test_attack_agent_attacks_whenever_that_is_valid():
    masks = np.ones((1, 20), np.bool_)
    assert attack_agent(None)({}, masks, START) == LIGHT_ATTACK
    masks[0, LIGHT_ATTACK] = False
    assert attack_agent(None)({}, masks, START) == NO_OP


def test_random_agent_takes_valid_actions_only():
    agent = random_agent(0)
    masks = np.zeros((1, 20), np.bool_)
    masks[0, [3, 19]] = True
    assert {agent({}, masks, START) for _ in range(50)} == {3, 19}


def test_each_step_of_a_recorded_fight_has_a_snapshot(recorded):
    assert len(recorded.snapshots) == 12
    assert recorded.snapshots[0].boss_hp == 1.0 and not recorded.won
    assert all(0 <= snapshot.player_hp <= 1 for snapshot in recorded.snapshots)


def test_same_seed_gives_the_same_fight():
    def fight():
        runner = FightRunner(SHORT, 3, record=True)
        return [runner.fight(random_agent(1)) for _ in range(2)]

    assert fight() == fight()


def test_gif_lasts_as_long_as_the_fight(recorded, tmp_path):
    image = pytest.importorskip("PIL.Image")
    save_gif(recorded, tmp_path / "new" / "fight.gif")
    milliseconds = 0
    with image.open(tmp_path / "new" / "fight.gif") as picture:
        for number in range(picture.n_frames):
            picture.seek(number)
            milliseconds += picture.info["duration"]
    assert milliseconds == FRAME_MS * (len(recorded.snapshots) - 1) + OUTCOME_MS


def test_active_hit_is_drawn_in_red(recorded):
    pytest.importorskip("PIL")
    attacking = replace(recorded.snapshots[0], boss_animation="Attack3001", boss_elapsed=0.8)
    idling = replace(recorded.snapshots[0], boss_animation="IdleBattle")
    arena = (0, 50, 340, 350)  # the legend has the color, too
    assert _HIT in {color for _, color in draw(attacking).crop(arena).getcolors(100_000)}
    assert _HIT not in {color for _, color in draw(idling).crop(arena).getcolors(100_000)}


def test_agent_of_another_environment_is_refused_with_the_reason(monkeypatch):
    trained = SimpleNamespace(spec=EnvSpec("CartPole-v1", {"observation": ArraySpec((4,), "float32")}, Discrete(2)))
    monkeypatch.setattr(agents, "load_agent", lambda path, seed: trained)
    with pytest.raises(SoulsAIError, match=r"trained on CartPole-v1.* SoulsGymVordt-v0 shows"):
        agents.find_agent("saves/run", 0, plugin.spec(boss_config("vordt")))


def test_drawing_nothing_or_without_pillow_is_refused_with_the_reason(recorded, tmp_path, monkeypatch):
    with pytest.raises(SoulsAIError, match="nothing to draw"):
        save_gif(replace(recorded, snapshots=()), tmp_path / "fight.gif")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(SoulsAIError, match=r"pip install soulsai-souls-env\[draw\]"):
        save_gif(recorded, tmp_path / "fight.gif")


def test_command_fights_and_draws(capsys, tmp_path):
    pytest.importorskip("PIL")
    assert main(["fight", "--agent", "attack", "--fights", "2", "--gif", str(tmp_path / "fight.gif")]) == 0
    assert "of 2 fights won" in capsys.readouterr().out
    assert (tmp_path / "fight.gif").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "sentence"), [(["--fights", "0"], "1 or more"), (["--agent", "nowhere"], "There is no folder")]
)
def test_command_refuses_invalid_arguments(capsys, arguments, sentence):
    assert main(["fight", *arguments]) == 2
    assert sentence in capsys.readouterr().err
