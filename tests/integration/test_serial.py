"""Serial training is bit-identical from run to run, and after kills at any moment. Its run says how it ended."""

import json
import random
import time

import numpy as np
import pytest

from soulsai_core.assembly.serial import SerialTraining
from soulsai_core.cli.training.resume import chosen_folder
from soulsai_core.config import load_config, resolve
from soulsai_core.node.status.last_status import last_status
from soulsai_core.plugins.catalog import Catalog
from soulsai_core.run_folder import RunFolder

STEPS = 450
DQN = [
    "algorithm.name=dqn",
    "algorithm.config.learning_starts=64",
    "algorithm.config.update_every=16",
    "algorithm.config.replay_ratio=0.5",
    "algorithm.config.buffer_size=300",
    "algorithm.config.batch_size=16",
    "algorithm.config.hidden=[16]",
    "algorithm.config.prioritized={}",
    "algorithm.config.resets={every: 40}",
    "training.checkpoint_every=4",
]
PPO = [
    "algorithm.name=ppo",
    "algorithm.config.clients=1",
    "algorithm.config.rollout=100",
    "algorithm.config.minibatch_size=25",
    "training.checkpoint_every=2",
]


class Killed(BaseException):
    """The process has ended."""


@pytest.fixture
def train(tmp_path):
    """(settings, name of the folder, steps until the kill) -> the training, None if it was killed."""

    def train(settings, name, lifetime=None, seed=3):
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir(exist_ok=True)
        always = ["environment.config.id=CartPole-v1", f"training.stop.env_steps={STEPS}", f"run.seed={seed}"]
        config = load_config(None, [*settings, *always], {})
        training = SerialTraining(resolve(config, Catalog()), folder)
        if folder.config.exists():
            training.resume()
        left = [np.inf if lifetime is None else lifetime]
        record = training._tally.add

        def add(step):
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            record(step)

        training._tally.add = add
        try:
            training.run()
        except Killed:
            return None
        return training

    return train


def result(training):
    state = training._learner.save()
    arrays = {f"{part} {name}": array for part, named in state.arrays.items() for name, array in named.items()}
    rows = [json.loads(line) for line in training.folder.episodes.read_text().splitlines()]
    episodes = [(row["number"], row["total_reward"], row["length"], row["iteration"]) for row in rows]
    return arrays, state.values, episodes


def assert_identical(one, other):
    assert one[2] == other[2]
    for name, array in one[0].items():
        np.testing.assert_array_equal(other[0][name], array, err_msg=name)
    assert without_times(one[1]) == without_times(other[1])


def without_times(values):
    report = {name: number for name, number in values.get("report", {}).items() if not name.endswith("_seconds")}
    return {**values, "report": report}


@pytest.mark.parametrize("settings", [DQN, PPO], ids=["dqn", "ppo"])
def test_run_that_is_killed_and_resumed_equals_one_that_was_not(train, settings):
    undisturbed = result(train(settings, "undisturbed"))
    assert_identical(undisturbed, result(train(settings, "again")))
    rng = random.Random(0)
    lives = 0
    training = None
    while training is None:
        training = train(settings, "killed", rng.randint(1, 250) if lives < 12 else None)
        lives += 1
    assert lives > 2
    assert_identical(undisturbed, result(training))
    other = result(train(settings, "other", seed=4))
    assert other[2] != undisturbed[2]


SERIAL = ["environment.config.id=CartPole-v1", *DQN]


def test_finished_run_is_no_killed_one_and_says_how_to_go_on(run_here, tmp_path):
    run_here("train", "--serial", settings=[*SERIAL, "training.stop.env_steps=100"])
    [path] = (tmp_path / "work" / "saves").iterdir()
    status, health = last_status(RunFolder(path), time.time())
    assert health.state == "finished" and "the goal of 100 environment steps is reached" in health.sentence
    assert status.env_steps >= 100 and status.iteration and status.episodes and status.learner["gradient_steps"]
    output = run_here("train", "--serial", "--resume")
    assert f"Going on with {path.name}" in output and "Before: finished at" in output
    command = f"train --resume {path.name} --serial --set training.stop.env_steps="
    assert "has ended: " in output and command in output
    output = run_here("train", "--resume", code=2)
    assert "is of a serial training: resume it with --serial, or begin a new run with its weights" in output
    output = run_here("train", "--serial", "--from", str(path), settings=["training.stop.env_steps=50"])
    assert "Training ended: the goal of 50 environment steps is reached" in output


def test_status_of_a_run_that_was_moved_names_the_folder_where_it_is(train, tmp_path):
    train(DQN, "here", 100)
    (tmp_path / "here").rename(tmp_path / "there")
    status, health = last_status(RunFolder(tmp_path / "there"), time.time())
    assert status.folder == str(tmp_path / "there")
    assert f"--resume {tmp_path / 'there'}" in health.conditions[0].advice


def test_killed_run_goes_before_a_finished_one(train, tmp_path):
    train(DQN, "killed", 100)
    status = RunFolder(tmp_path / "killed").status
    alive = json.loads(status.read_text()) | {"state": "running", "failed": False, "reason": ""}
    status.write_text(json.dumps(alive))  # as a real kill leaves it
    train(DQN, "finished")
    assert chosen_folder("", tmp_path, time.time()).name == "killed"


def test_error_that_ends_it_is_in_its_status(train, tmp_path):
    train(DQN, "broken", 100)
    _, health = last_status(RunFolder(tmp_path / "broken"), time.time())
    assert health.state == "failed" and "Killed" in health.sentence


def test_number_of_clients_other_than_one_is_refused(run_here):
    settings = [*DQN, "environment.config.id=CartPole-v1", "training.stop.env_steps=100"]
    for number in ("0", "3"):
        output = run_here("train", "--serial", "--clients", number, settings=settings, code=2)
        assert f"--clients is {number}, and a serial training has one client" in output
        assert "or leave --serial out" in output


def test_one_client_may_be_asked_for(run_here):
    settings = [*DQN, "environment.config.id=CartPole-v1", "training.stop.env_steps=100"]
    assert "Training ended" in run_here("train", "--serial", "--clients", "1", settings=settings)


def test_several_clients_are_refused_with_what_to_set(run_here):
    output = run_here("train", "--serial", settings=["algorithm.name=ppo"], code=2)
    assert "ppo needs 2 clients by its settings, and a serial training has one" in output
    assert "set algorithm.config.clients to 1" in output
