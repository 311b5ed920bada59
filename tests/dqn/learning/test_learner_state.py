"""What a learner saves, and how it goes on from there."""

import json

import numpy as np
import pytest
from dqn_settings import plain
from replays import assert_identical, contents

from soulsai_core import CheckpointError, State
from soulsai_dqn.learning.learner import DQNLearner

CONFIG = plain(hidden=(8,), batch_size=8, learning_starts=20, update_every=10, replay_ratio=0.25, buffer_size=50)


@pytest.fixture
def trained(spec, stream):
    """A learner with optimizer moments, and with a fraction of a gradient step due."""
    learner = DQNLearner(CONFIG, spec, np.random.default_rng(1))
    messages = stream(CONFIG)
    learner.sent = []
    train_on([learner], lambda count: learner.sent.append(messages(count)) or learner.sent[-1], [10] * 9)
    learner.sent.append(messages(4))
    learner.add(learner.sent[-1], "client")
    return learner


def loaded_from(learner, spec, *, rows=True, config=CONFIG):
    state = learner.save()
    fresh = DQNLearner(config, spec, np.random.default_rng(99))
    fresh.load(State(state.arrays, json.loads(json.dumps(state.values))))
    skipped = sum(map(len, learner.sent)) - fresh.reach()
    for steps in learner.sent if rows else ():
        fresh.restore(steps.part(skipped, len(steps)), "client")
        skipped = max(skipped - len(steps), 0)
    fresh.restored(complete=rows)
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


def test_learner_with_its_rows_goes_on_identically(trained, spec, stream):
    loaded = loaded_from(trained, spec)
    assert_equal(loaded.weights(), trained.weights())
    one, other = train_on([trained, loaded], stream(CONFIG, seed=5), [3, 3, 7, 20, 20])
    assert one == other == 5
    assert_equal(loaded.weights(), trained.weights())
    assert_identical(contents(loaded._replay), contents(trained._replay))
    assert loaded.save().values == trained.save().values


def test_learner_without_its_rows_goes_on_once_there_are_new_ones(trained, spec, stream):
    """Network, target, moments and counters are the same; learning waits for `learning_starts`."""
    saved = trained.save()
    loaded = loaded_from(trained, spec, rows=False)
    again = loaded.save()
    assert again.arrays.keys() == saved.arrays.keys()
    for part in saved.arrays.keys() - {"replay"}:
        assert_equal(again.arrays[part], saved.arrays[part])
    assert train_on([loaded], stream(CONFIG, seed=5), [10, 10, 10, 10]) == [3]


def test_checkpoint_does_not_hold_the_rows(trained):
    saved = trained.save().arrays["replay"]
    assert saved.keys() == {"count", "streams", "usable"}


def test_smaller_buffer_keeps_the_newest_rows(trained, spec):
    config = CONFIG.model_copy(update={"buffer_size": 30})
    kept = contents(loaded_from(trained, spec, config=config)._replay)
    before = contents(trained._replay)
    for name in ("column observation", "column action", "reward"):
        np.testing.assert_array_equal(kept[name], before[name][-30:])


def test_saved_state_does_not_change_afterwards(trained, stream):
    state = trained.save()
    kept = {(part, name): a.copy() for part, arrays in state.arrays.items() for name, a in arrays.items()}
    values = json.dumps(state.values)
    train_on([trained], stream(CONFIG, seed=5), [20, 20])
    for (part, name), array in kept.items():
        np.testing.assert_array_equal(state.arrays[part][name], array)
    assert json.dumps(state.values) == values


def test_new_learning_rate_is_used_after_loading(trained, spec, stream):
    """A checkpoint has moments, no settings."""
    config = CONFIG.model_copy(update={"learning_rate": 1e-12, "weight_decay": 0.0})
    loaded = loaded_from(trained, spec, config=config)
    before = loaded.weights()
    train_on([loaded], stream(CONFIG, seed=5), [20])
    for name, array in loaded.weights().items():
        np.testing.assert_allclose(array, before[name], atol=1e-8)


@pytest.mark.parametrize("part", ["network", "target", "optimizer", "generator", "replay"])
def test_state_without_a_part_is_refused(trained, spec, part):
    state = trained.save()
    del state.arrays[part]
    with pytest.raises(CheckpointError, match=f"not one of DQN.*{part}"):
        DQNLearner(CONFIG, spec, np.random.default_rng(0)).load(state)


@pytest.mark.parametrize("key", ["rng", "owed", "rows", "gradient_steps"])
def test_state_without_a_value_is_refused(trained, spec, key):
    state = trained.save()
    del state.values[key]
    with pytest.raises(CheckpointError, match=f"not one of DQN.*{key}"):
        DQNLearner(CONFIG, spec, np.random.default_rng(0)).load(state)


def test_network_of_another_width_is_refused(trained, spec):
    """The error names the parameter and both shapes in one line."""
    sentence = r"layers.0.bias has shape \(8,\) in it and \(9,\) here; set the network as it was"
    with pytest.raises(CheckpointError, match=sentence):
        loaded_from(trained, spec, config=CONFIG.model_copy(update={"hidden": (9,)}))


def test_deeper_network_is_refused(trained, spec):
    with pytest.raises(CheckpointError, match=r"layers\.1\.bias"):
        loaded_from(trained, spec, config=CONFIG.model_copy(update={"hidden": (8, 8)}))
