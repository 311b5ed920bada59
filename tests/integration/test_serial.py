"""Serial training is bit-identical from run to run, and after kills at any moment."""

import json
import random

import numpy as np
import pytest

from soulsai_core.assembly.serial import SerialTraining
from soulsai_core.config import load_config, resolve
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
