"""`soulsai eval`: the same episodes whatever plays them, and what is printed of them."""

import json
import os
import re
import signal

import gymnasium
import numpy as np
import pytest
from untrained import make_run

from soulsai_core import load_agent
from soulsai_core.assembly import evaluating
from soulsai_core.assembly.evaluating import Evaluation, evaluate
from soulsai_core.errors import SoulsAIError
from soulsai_core.node.formatting import number
from soulsai_core.node.saving.saver import evaluation_weights


@pytest.fixture(scope="module")
def saves(tmp_path_factory):
    """A folder with two runs of different networks, the second on two environments at once."""
    saves = tmp_path_factory.mktemp("saves")
    make_run(saves / "first")
    make_run(saves / "second", "environment.config.num_envs=2", seed=1)
    return saves


def plain_loop(folder, seeds):
    """Returns of episodes that are played one after the other, without anything of ours but `act`."""
    agent = load_agent(folder)
    env = gymnasium.make("CartPole-v1")
    returns = []
    for seed in seeds:
        observation, _ = env.reset(seed=seed)
        total, ended, start = 0.0, False, True
        while not ended:
            action = agent.act({"observation": observation[None]}, None, np.array([start]))
            observation, reward, terminated, truncated, _ = env.step(int(action[0]))
            total, ended, start = total + reward, terminated or truncated, False
        returns.append(total)
    return returns


def evaluation(folder, seeds):
    return Evaluation(folder, evaluation_weights(folder / "checkpoint"), seeds)


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_episodes_are_those_of_a_plain_loop_whatever_plays_them(saves, monkeypatch, start_method):
    monkeypatch.setattr(evaluating, "_start_method", lambda: start_method)
    seeds = range(5, 17)
    folder = saves / "first"
    alone = {played.seed: played.total_reward for played in evaluate(evaluation(folder, seeds), 1)}
    shared = {played.seed: played.total_reward for played in evaluate(evaluation(folder, seeds), 2)}
    assert shared == alone == dict(zip(seeds, plain_loop(folder, seeds), strict=True))


def test_process_that_dies_is_told(saves, monkeypatch):
    monkeypatch.setattr(evaluating, "_start_method", lambda: "fork")
    monkeypatch.setattr(evaluating, "make_agent", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(SoulsAIError, match="ended with exit code -9, 4 episodes before the end"):
        list(evaluate(evaluation(saves / "first", range(4)), 2))


def test_error_of_a_process_is_told(saves, monkeypatch):
    def fail(*_):
        raise SoulsAIError("The game is gone.")

    monkeypatch.setattr(evaluating, "_start_method", lambda: "fork")
    monkeypatch.setattr(evaluating, "make_agent", fail)
    with pytest.raises(SoulsAIError, match="The game is gone"):
        list(evaluate(evaluation(saves / "first", range(4)), 2))


def test_statistics_are_those_of_the_episodes(run_here, saves):
    command = ("eval", "first", "--saves", str(saves), "--episodes", "8", "--seed", "3")
    result = json.loads(run_here(*command, "--json"))
    [agent] = result["agents"]
    returns = [episode["total_reward"] for episode in agent["episodes"]]
    assert returns == plain_loop(saves / "first", range(3, 11))
    assert agent["returns"]["mean"] == np.mean(returns)
    assert agent["returns"]["deviation"] == pytest.approx(np.std(returns, ddof=1))
    assert result["comparison"] is None
    table = run_here(*command)
    assert "8 episodes without exploration, seeds 3 to 10" in table
    assert re.search(rf"median +{number(np.median(returns))}\n", table)


def test_two_agents_play_the_same_seeds_side_by_side(run_here, saves):
    command = ("eval", str(saves / "first"), "--against", str(saves / "second"), "--episodes", "6")
    result = json.loads(run_here(*command, "--json"))
    first, second = ([episode["total_reward"] for episode in agent["episodes"]] for agent in result["agents"])
    assert second == plain_loop(saves / "second", range(6))
    comparison = result["comparison"]
    assert comparison["difference"]["mean"] == pytest.approx(np.mean(np.subtract(first, second)))
    assert comparison["better"] + comparison["worse"] <= 6
    table = run_here(*command)
    assert re.search(r"return +A +B +A - B\n", table) and "A returned more on" in table


def test_agents_of_different_environments_are_not_compared(run_here, saves, tmp_path):
    other = make_run(tmp_path / "saves" / "acrobot", "environment.config.id=Acrobot-v1")
    command = ("eval", str(saves / "first"), "--against", str(other.path), "--episodes", "2")
    said = run_here(*command, code=2)
    assert "--against names an agent of another environment, gymnasium Acrobot-v1 instead of gymnasium CartPole" in said


def test_other_settings_of_the_environment_are_named_and_agents_compared(run_here, saves, tmp_path):
    other = make_run(tmp_path / "saves" / "short", "environment.config.max_episode_steps=5")
    command = ("eval", str(saves / "first"), "--against", str(other.path), "--episodes", "2")
    said = run_here(*command)
    assert "A and B play with different settings: environment.config.max_episode_steps (null for A, 5 for B)." in said
    assert "A returned more on 2 seeds" in said
    assert "different settings" not in run_here(*command, "--set", "environment.config.max_episode_steps=5")


def test_number_of_environments_and_the_module_of_an_id_make_no_other_environment(run_here, saves, tmp_path):
    other = make_run(tmp_path / "saves" / "module", "environment.config.id=gymnasium:CartPole-v1")
    said = run_here("eval", str(other.path), "--against", str(saves / "second"), "--episodes", "2")
    assert "num_envs" not in said and "A - B" in said


@pytest.mark.parametrize("options", [("--best",), ("--checkpoint", "best_model")])
def test_checkpoint_is_chosen(run_here, saves, options):
    output = run_here("eval", "first", "--saves", str(saves), "--episodes", "1", *options)
    assert output.startswith("best_model of first, iteration 0")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nothing",), "There is no folder nothing, and no run nothing under"),
        (("first", "--checkpoint", "missing"), "There is no folder"),
        (("first", "--episodes", "0"), "--episodes is 0; it takes 1 or more"),
        (("first", "--processes", "-1"), "--processes is -1"),
        (("first", "--set", "environment.config.wrong=1"), "environment.config.wrong"),
        (("--saves", "nowhere"), "There is no trained model under nowhere"),
    ],
)
def test_wrong_options_get_a_sentence(run_here, saves, arguments, sentence):
    options = arguments if "--saves" in arguments else (*arguments, "--saves", str(saves))
    assert sentence in run_here("eval", *options, code=2)


UNFIT = [
    ("environment.config.id=Acrobot-v1", 'environment.config.id ("Acrobot-v1" now, "CartPole-v1" then)'),
    ("algorithm.config.hidden=[8, 8]", "algorithm.config.hidden ([8, 8] now, [8] then)"),
    ("algorithm.name=ppo", 'algorithm.name ("ppo" now, "dqn" then). Leave out'),
]
"""A setting that does not fit the agents here, and how it is named."""


@pytest.mark.parametrize("command", ["eval", "play"])
@pytest.mark.parametrize(("setting", "named"), UNFIT)
def test_settings_that_do_not_fit_the_agent_are_named(run_here, saves, command, setting, named):
    said = run_here(command, "first", "--saves", str(saves), "--episodes", "1", settings=[setting], code=2)
    assert f"The agent of {saves / 'first'} does not fit these settings" in said and named in said
    assert "Traceback" not in said and "mistake" not in said


@pytest.mark.parametrize("setting", ["environment.config.max_episode_steps=3", "algorithm.config.learning_starts=9"])
def test_changed_settings_that_fit_the_agent_are_taken(run_here, saves, setting):
    assert "mean" in run_here("eval", "first", "--saves", str(saves), "--episodes", "1", settings=[setting])


@pytest.mark.parametrize("content", ["", "{}"])
@pytest.mark.parametrize("command", ["eval", "play"])
def test_run_whose_settings_are_gone_is_not_played_with_the_defaults(run_here, tmp_path, command, content):
    folder = make_run(tmp_path / "saves" / "emptied")
    folder.config.write_text(content)
    assert f"{folder.config} is empty" in run_here(command, str(folder.path), code=2)


def test_run_without_a_best_model(run_here, saves, tmp_path):
    folder = make_run(tmp_path / "saves" / "third")
    folder.best_model.rename(tmp_path / "gone")
    assert "has no best_model yet" in run_here("eval", str(folder.path), "--best", code=2)
