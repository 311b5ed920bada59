"""What a learner saves, and how it goes on from there."""

import json

import numpy as np
import pytest
from dqn_settings import plain

from soulsai_core import CheckpointError, State
from soulsai_dqn.learning.learner import DQNLearner

CONFIG = plain(hidden=(8,), batch_size=8, learning_starts=20, update_every=10, replay_ratio=0.25, buffer_size=50)


@pytest.fixture
def trained(spec, stream):
    """A learner with optimizer moments, and with a fraction of a gradient step due."""
    learner = DQNLearner(CONFIG, spec, np.random.default_rng(1))
    messages = stream(CONFIG)
    train_on([learner], messages, [10] * 9)
    learner.add(messages(4), "client")
    return learner


def loaded_from(learner, spec, *, buffer, config=CONFIG):
    state = learner.save(buffer=buffer)
    fresh = DQNLearner(config, spec, np.random.default_rng(99))
    fresh.load(State(state.arrays, json.loads(json.dumps(state.values))))
    return fresh


def train_on(learners, messages, counts):
    """Give all learners the same steps, with an iteration after each message where one is possible.

    Returns the number of iterations of each."""
    iterations = [0] * len(learners)
    for count in counts:
        steps = messages(count)
        for i, learner in enumerate(learners):
            learner.add(steps, "client")
            if learner.ready() is None:
                learner.update()
                iterations[i] += 1
    return iterations


def assert_equal(one, other):
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


def test_learner_loaded_with_its_buffer_goes_on_identically(trained, spec, stream):
    loaded = loaded_from(trained, spec, buffer=True)
    assert_equal(loaded.weights(), trained.weights())
    one, other = train_on([trained, loaded], stream(CONFIG, seed=5), [3, 3, 7, 20, 20])
    assert one == other == 5
    assert_equal(loaded.weights(), trained.weights())
    kept, others = (each.save(buffer=True).arrays["replay"] for each in (loaded, trained))
    for name in ("rows.observation", "rows.action", "rows.reward", "usable"):
        np.testing.assert_array_equal(kept[name], others[name], err_msg=name)
    assert loaded.save(buffer=False).values == trained.save(buffer=False).values


def test_learner_loaded_without_its_buffer_goes_on_once_there_are_rows(trained, spec, stream):
    """Network, target, moments and counters are the same; learning waits for `learning_starts`."""
    saved = trained.save(buffer=False)
    loaded = loaded_from(trained, spec, buffer=False)
    again = loaded.save(buffer=False)
    assert "replay" not in saved.arrays and again.arrays.keys() == saved.arrays.keys()
    for part, arrays in saved.arrays.items():
        assert_equal(again.arrays[part], arrays)
    assert train_on([loaded], stream(CONFIG, seed=5), [10, 10, 10, 10]) == [3]


def test_smaller_buffer_keeps_the_newest_rows(trained, spec):
    config = CONFIG.model_copy(update={"buffer_size": 30})
    kept = loaded_from(trained, spec, buffer=True, config=config).save(buffer=True).arrays["replay"]
    saved = trained.save(buffer=True).arrays["replay"]
    for name in ("rows.observation", "rows.action", "rows.reward"):
        np.testing.assert_array_equal(kept[name], saved[name][-30:])


def test_saved_state_does_not_change_afterwards(trained, stream):
    state = trained.save(buffer=True)
    kept = {(part, name): a.copy() for part, arrays in state.arrays.items() for name, a in arrays.items()}
    values = json.dumps(state.values)
    train_on([trained], stream(CONFIG, seed=5), [20, 20])
    for (part, name), array in kept.items():
        np.testing.assert_array_equal(state.arrays[part][name], array)
    assert json.dumps(state.values) == values


def test_new_learning_rate_is_used_after_loading(trained, spec, stream):
    """A checkpoint has moments, no settings."""
    config = CONFIG.model_copy(update={"learning_rate": 1e-12, "weight_decay": 0.0})
    loaded = loaded_from(trained, spec, buffer=True, config=config)
    before = loaded.weights()
    train_on([loaded], stream(CONFIG, seed=5), [20])
    for name, array in loaded.weights().items():
        np.testing.assert_allclose(array, before[name], atol=1e-8)


@pytest.mark.parametrize("part", ["network", "target", "optimizer", "generator"])
def test_state_without_a_part_is_refused(trained, spec, part):
    state = trained.save(buffer=False)
    del state.arrays[part]
    with pytest.raises(CheckpointError, match=f"not one of DQN.*{part}"):
        DQNLearner(CONFIG, spec, np.random.default_rng(0)).load(state)


@pytest.mark.parametrize("key", ["rng", "owed", "rows", "gradient_steps"])
def test_state_without_a_value_is_refused(trained, spec, key):
    state = trained.save(buffer=False)
    del state.values[key]
    with pytest.raises(CheckpointError, match=f"not one of DQN.*{key}"):
        DQNLearner(CONFIG, spec, np.random.default_rng(0)).load(state)


def test_network_of_another_width_is_refused(trained, spec):
    """The error names the parameter and both shapes in one line."""
    sentence = r"layers.0.bias has shape \(8,\) in it and \(9,\) here; set the network as it was"
    with pytest.raises(CheckpointError, match=sentence):
        loaded_from(trained, spec, buffer=False, config=CONFIG.model_copy(update={"hidden": (9,)}))


def test_deeper_network_is_refused(trained, spec):
    with pytest.raises(CheckpointError, match=r"layers\.1\.bias"):
        loaded_from(trained, spec, buffer=False, config=CONFIG.model_copy(update={"hidden": (8, 8)}))
