"""`soulsai train --from`: a run that begins with the weights of another one."""

import argparse
import logging

import numpy as np
import pytest
from untrained import CARTPOLE, make_run

from soulsai_core import Catalog, checkpoint, load_config
from soulsai_core.assembly.starting_point import take_weights
from soulsai_core.cli.agents.models import starting_point
from soulsai_core.cli.options import config_from
from soulsai_core.cli.training.train import add_arguments
from soulsai_core.config import resolve
from soulsai_core.errors import CheckpointError


def new_learner(*settings):
    resolved = resolve(load_config(None, ["telemetry.enabled=false", *CARTPOLE, *settings], {}), Catalog())
    spec = resolved.environment.spec(resolved.environment_config)
    return resolved.algorithm.learner(resolved.algorithm_config, spec, np.random.default_rng(9))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("saves") / "first")


def test_weights_are_those_of_the_other_run(run, caplog):
    learner = new_learner("algorithm.config.learning_rate=0.5")
    theirs = new_learner()
    take_weights(theirs, "dqn", run.path)
    before = learner.weights()
    with caplog.at_level(logging.INFO):
        take_weights(learner, "dqn", run.best_model)
    assert "begins with" in caplog.text and "begins anew" not in caplog.text
    weights = learner.weights()
    assert any(not np.array_equal(before[name], array) for name, array in weights.items())
    for name, array in theirs.weights().items():
        np.testing.assert_array_equal(array, weights[name])
    assert learner.save().values["gradient_steps"] == 0


def test_what_does_not_fit_is_said_part_by_part_and_begins_anew(run, caplog):
    learner = new_learner("algorithm.config.hidden=[8, 4]")
    with caplog.at_level(logging.WARNING):
        take_weights(learner, "dqn", run.path)
    lines = [line.split("begins anew")[0].split()[-1] for line in caplog.text.splitlines() if "begins anew" in line]
    assert {"network", "target"} <= set(lines)
    assert "(4, 8) here and not there" in caplog.text or "here and (" in caplog.text
    assert all(np.isfinite(array).all() for array in learner.weights().values())


def test_replay_buffer_begins_anew_without_a_word(run, caplog, monkeypatch):
    read = checkpoint.read

    def after_many_steps(path):
        state, counters = read(path)
        state.arrays["replay"] = {name: np.ones_like(array) for name, array in state.arrays["replay"].items()}
        return state, counters

    monkeypatch.setattr(checkpoint, "read", after_many_steps)
    learner = new_learner()
    take_weights(learner, "dqn", run.path)
    assert learner.reach() == 0 and "replay" not in caplog.text


def test_another_algorithm_gets_a_sentence(run):
    with pytest.raises(CheckpointError, match="was trained with dqn, and its weights are of no use to ppo"):
        take_weights(new_learner("algorithm.name=ppo"), "ppo", run.path)


def begun_with(run, *options):
    """The settings of `soulsai train --from RUN` with these options."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return config_from(starting_point(parser.parse_args(["--from", str(run.path), *options]))[0])


def test_preset_overrides_the_settings_of_the_other_run_and_set_overrides_both(run):
    theirs = begun_with(run)
    assert theirs.algorithm.config["replay_ratio"] != 4.0
    config = begun_with(run, "--preset", "high_replay")
    assert (config.algorithm.config["replay_ratio"], config.preset) == (4.0, ("high_replay",))
    assert config.environment == theirs.environment
    assert config.algorithm.config["hidden"] == theirs.algorithm.config["hidden"]
    config = begun_with(run, "--set", "algorithm.config.replay_ratio=2", "--preset", "high_replay")
    assert config.algorithm.config["replay_ratio"] == 2


def test_preset_is_overridden_by_a_file_that_is_named(run, tmp_path):
    (tmp_path / "mine.yaml").write_text("algorithm: {config: {replay_ratio: 3}}")
    config = begun_with(run, "--preset", "high_replay", "--config", str(tmp_path / "mine.yaml"))
    assert (config.algorithm.config["replay_ratio"], config.algorithm.config["gamma"]) == (3, 0.995)


def test_from_and_resume_exclude_each_other(run_here, run):
    output = run_here("train", "--from", str(run.path), "--resume", code=2)
    assert "--from begins a new run and --resume continues one" in output


def test_missing_run_gets_a_sentence(run_here):
    assert "There is no folder gone" in run_here("train", "--from", "gone", code=2)
