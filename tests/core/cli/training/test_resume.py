"""Which run goes on, with which settings, and what is said about it."""

import argparse
import json
import logging
import os

import msgspec
import pytest

from soulsai_core.cli.training.resume import (
    announced,
    chosen_folder,
    how_it_ended,
    how_to_go_on,
    keep_config_file,
    resumed_config,
)
from soulsai_core.errors import CheckpointError, ConfigError
from soulsai_core.node.status.node_status import NodeStatus
from soulsai_core.run_folder import RunFolder

NOW = 1_800_000_000.0


@pytest.fixture
def saves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "saves"


@pytest.fixture
def make_run(saves):
    """(name, age in seconds, state of its last status) -> the folder of a run."""

    def make(name, age, state="running", reason="", **config):
        folder = RunFolder(saves / name)
        (folder.path / "checkpoint").mkdir(parents=True)
        manifest = folder.path / "checkpoint" / "manifest.json"
        manifest.write_text("{}")
        folder.config.write_text(json.dumps(config))
        counts = (1, 5, None, 9.0, 0, None, 20, 0.0, 0.0, 1.0, {}, {}, 0, [], {})
        status = NodeStatus(name, str(folder.path), state, *counts, reason=reason, time=NOW - age)
        folder.status.write_bytes(msgspec.json.encode(status))
        for file in (manifest, folder.status):
            os.utime(file, (NOW - age, NOW - age))
        return folder

    return make


def test_killed_run_goes_before_one_that_ended_later(make_run, saves, caplog):
    killed = make_run("killed", 500)
    make_run("killed-earlier", 900)
    ended = make_run("ended", 100, "ended", "600 environment steps were trained")
    with caplog.at_level(logging.WARNING):
        assert chosen_folder("", saves, NOW).path == killed.path
    assert "killed was killed and goes on; the newer run ended has ended" in caplog.text
    assert chosen_folder(str(ended.path), saves, NOW).path == ended.path


def test_of_ended_runs_the_newest_goes_on(make_run, saves, caplog):
    make_run("a", 500, "ended")
    wanted = make_run("b", 100, "ended")
    assert chosen_folder("", saves, NOW).path == wanted.path and not caplog.text


def test_running_ones_are_left_out_or_refused(make_run, saves):
    older = make_run("a", 500)
    newer = make_run("b", 100)
    with newer.held(1.8e9):
        assert chosen_folder("", saves, NOW).path == older.path
        with older.held(1.8e9), pytest.raises(CheckpointError, match=r"b is running \(process .*stop it first"):
            chosen_folder("", saves, NOW)


def test_no_run_is_an_error_that_says_what_to_do(saves):
    with pytest.raises(CheckpointError, match=r"no run under .*saves to resume; start without --resume"):
        chosen_folder("", saves, NOW)
    with pytest.raises(CheckpointError, match=r"no folder gone, and no run gone under .*saves"):
        chosen_folder("gone", saves, NOW)


def arguments(*settings, config=None, resume=""):
    return argparse.Namespace(config=config, set=list(settings), seed=None, resume=resume)


SAVED = {
    "training": {"stop": {"env_steps": 600}, "checkpoint_every": 50},
    "algorithm": {"name": "dqn"},
    "environment": {"name": "gymnasium", "config": {"id": "CartPole-v1"}},
}
OTHER = "environment: {config: {id: LunarLander-v3}}\ntraining: {checkpoint_every: 9}"


def began_with(folder, text):
    """The run was begun where config.yaml has this text; None: where there is none."""
    if text is not None:
        folder.path.parent.parent.joinpath("config.yaml").write_text(text)
    keep_config_file(arguments(resume=None), folder)


def test_what_was_edited_in_the_file_applies_and_is_said_and_the_rest_stays(make_run, tmp_path, caplog):
    folder = make_run("a", 5, **SAVED)
    began_with(folder, "training: {stop: {env_steps: 500}}\nalgorithm: {name: dqn}\n")
    assert resumed_config(arguments(), folder).training.stop.env_steps == 600, "--set had said so"
    assert not caplog.text
    (tmp_path / "config.yaml").write_text("training: {stop: {env_steps: 1500}, client_timeout_s: 20}")
    config = resumed_config(arguments(), folder)
    assert (config.training.stop.env_steps, config.training.client_timeout_s) == (1500, 20)
    assert config.training.checkpoint_every == 50
    assert "What was edited in config.yaml applies: training.stop.env_steps (1500 now, 500 then)" in caplog.text
    config = resumed_config(arguments("training.stop.env_steps=1400"), folder)
    assert config.training.stop.env_steps == 1400


@pytest.mark.parametrize("text", [None, "# nothing yet", "training: {stop: {env_steps: 600}}"])
def test_file_written_after_the_start_applies_if_it_names_no_other_run(make_run, tmp_path, caplog, text):
    folder = make_run("a", 5, **SAVED)
    began_with(folder, text)
    (tmp_path / "config.yaml").write_text("algorithm: {name: dqn}\ntraining: {stop: {env_steps: 1500}}")
    config = resumed_config(arguments(), folder)
    assert (config.training.stop.env_steps, config.training.checkpoint_every) == (1500, 50)
    assert config.environment.config == {"id": "CartPole-v1"}
    assert "edited in config.yaml applies: " in caplog.text
    assert "training.stop.env_steps (1500 now, 600 then)" in caplog.text


@pytest.mark.parametrize("began", [None, "training: {stop: {env_steps: 500}}"])
@pytest.mark.parametrize("other", [OTHER, "preset: high_replay", "algorithm: {name: ppo}"])
def test_file_for_another_run_is_not_read_and_named(make_run, tmp_path, caplog, began, other):
    folder = make_run("a", 5, **SAVED, preset=["cartpole"])
    began_with(folder, began)
    (tmp_path / "config.yaml").write_text(other)
    assert resumed_config(arguments(), folder) == resumed_config(arguments(config=folder.config), folder)
    assert "config.yaml is not read, since it is meant for another run than a: it differs in" in caplog.text
    assert "Change settings of this run with --set; --config config.yaml reads the file in the place" in caplog.text


def test_file_of_a_run_that_was_begun_with_another_one_is_not_read(make_run, tmp_path, caplog):
    folder = make_run("a", 5, **SAVED)
    (tmp_path / "config.yaml").write_text("training: {checkpoint_every: 9}")
    keep_config_file(arguments(config=tmp_path / "mine.yaml", resume=None), folder)
    assert resumed_config(arguments(), folder).training.checkpoint_every == 50
    assert "config.yaml is not read, since a did not begin with it" in caplog.text


def test_preset_in_the_file_is_no_other_run_if_the_run_began_with_it(make_run, tmp_path):
    folder = make_run("a", 5, **SAVED, preset=["cartpole"])
    began_with(folder, None)
    (tmp_path / "config.yaml").write_text("preset: cartpole\ntraining: {checkpoint_every: 9}")
    assert resumed_config(arguments(), folder).training.checkpoint_every == 9


def test_resume_where_there_is_no_file_keeps_what_the_run_began_with(make_run, tmp_path, caplog):
    folder = make_run("a", 5, **SAVED)
    began_with(folder, "training: {checkpoint_every: 9}")
    (tmp_path / "config.yaml").rename(tmp_path / "elsewhere.yaml")
    keep_config_file(arguments(), folder)
    (tmp_path / "elsewhere.yaml").rename(tmp_path / "config.yaml")
    assert resumed_config(arguments(), folder).training.checkpoint_every == 50 and not caplog.text


def test_file_that_is_named_takes_the_place_of_the_saved_settings(make_run, tmp_path):
    folder = make_run("a", 5, **SAVED)
    (tmp_path / "mine.yaml").write_text("training: {checkpoint_every: 9}")
    args = arguments()
    args.config = tmp_path / "mine.yaml"
    assert resumed_config(args, folder).training.checkpoint_every == 9


def test_preset_of_another_run_is_refused_and_it_is_said_what_to_do_instead(make_run):
    folder = make_run("a", 5, **SAVED, preset=["cartpole"])
    with pytest.raises(ConfigError) as refused:
        resumed_config(arguments('preset=["cartpole", "high_replay"]'), folder)
    sentence = str(refused.value)
    assert "--preset high_replay is for new runs: a keeps its own settings when it is resumed" in sentence
    assert "Change single ones with --set" in sentence
    assert sentence.endswith("train --from a --preset cartpole --preset high_replay")


@pytest.mark.parametrize("saved", ["cartpole", ["cartpole"]])
def test_preset_that_a_run_began_with_may_be_named_again(make_run, saved):
    folder = make_run("a", 5, **SAVED, preset=saved)
    assert resumed_config(arguments('preset=["cartpole"]'), folder).training.checkpoint_every == 50


def test_it_is_said_from_where_a_run_goes_on_and_how_it_had_ended(make_run):
    killed = make_run("a", 500)
    assert announced(killed, 12, 3400, how_it_ended(killed, NOW)).startswith(
        "Going on with a from step 3,400, iteration 12. Before: the training was killed: its node was last heard of"
    )
    assert "was killed" in how_it_ended(make_run("just-now", 1), NOW)
    assert "interrupted" in how_it_ended(make_run("b", 500, "ended", "interrupted"), NOW)
    assert announced(killed, 0, 0, "") == "Going on with a from step 0, iteration 0."


def test_run_that_has_reached_its_goal_says_how_to_go_on(make_run):
    folder = make_run("a", 5, "ended")
    began_with(folder, "training: {stop: {env_steps: 600}}")
    sentence = how_to_go_on(folder, "600 environment steps were trained", " --set training.stop.env_steps=1200")
    assert "a has ended: 600 environment steps were trained. To go on, change the goal in config.yaml, or: " in sentence
    assert "soulsai train --resume a --set training.stop.env_steps=1200" in sentence


@pytest.mark.parametrize("config", [None, "mine.yaml"])
def test_run_without_a_config_file_is_not_told_to_change_one(make_run, config):
    folder = make_run("a", 5, "ended")
    keep_config_file(arguments(config=config, resume=None), folder)
    sentence = how_to_go_on(folder, "600 environment steps were trained", " --set training.stop.env_steps=1200")
    assert "trained. To go on: " in sentence and "config.yaml" not in sentence
