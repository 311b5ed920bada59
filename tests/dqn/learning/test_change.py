"""Settings that change while a training goes on."""

import numpy as np
import pytest
from dqn_settings import plain

from soulsai_core import Weights
from soulsai_dqn.acting.actor import DQNActor
from soulsai_dqn.config import EpsilonConfig
from soulsai_dqn.learning.learner import DQNLearner

CONFIG = plain(hidden=(8,), batch_size=8, learning_starts=20, update_every=10)


def test_learning_rate_and_replay_ratio_of_the_next_update(spec, stream):
    learner = DQNLearner(CONFIG, spec, np.random.default_rng(1))
    learner.add(stream(CONFIG)(40), "client")
    before = learner.update()["gradient_steps"]
    learner.change(CONFIG.model_copy(update={"learning_rate": 1e-30, "weight_decay": 0.0, "replay_ratio": 3.0}))
    weights = learner.weights()
    assert learner.update()["gradient_steps"] - before == 30
    for name, array in learner.weights().items():
        np.testing.assert_array_equal(array, weights[name])


def test_learning_rate_follows_its_schedule(spec, stream):
    falling = {"start": 1e-2, "end": 1e-30, "steps": 60}
    config = plain(**CONFIG.model_dump() | {"learning_rate": falling, "weight_decay": 0.0})
    learner = DQNLearner(config, spec, np.random.default_rng(1))
    messages = stream(config)
    moved = []
    for rate in (5e-3, 1e-30):
        before = learner.weights()
        learner.add(messages(30), "client")
        assert learner.update()["learning_rate"] == pytest.approx(rate)
        moved.append(max(np.abs(array - before[name]).max() for name, array in learner.weights().items()))
    assert moved[0] > 1e-3 and moved[1] == 0


def test_epsilon_follows_the_next_weights(spec):
    learner = DQNLearner(CONFIG, spec, np.random.default_rng(1))
    actor = DQNActor(CONFIG, spec, np.random.default_rng(1), True)
    actor.load(Weights(0, learner.weights(), 10**9))
    actor.change(CONFIG.model_copy(update={"epsilon": EpsilonConfig(end=0.75)}))
    actor.load(Weights(1, learner.weights(), 10**9))
    assert actor.metrics() == {"epsilon": 0.75}
