"""The mean of the last part of the training's networks, which agents that learn no more act with."""

import numpy as np
import pytest
import torch
from dqn_settings import plain
from torch import nn

from soulsai_core import State
from soulsai_dqn.learning.averaging import AveragedNetwork
from soulsai_dqn.learning.learner import DQNLearner
from soulsai_dqn.networks.parameters import flatten_parameters

CONFIG = plain(hidden=(8,), batch_size=8, learning_starts=20, update_every=10, average=0.5)


def averaged(values, share):
    """Mean of networks of one parameter with these values, after each."""
    network = nn.Linear(1, 1, bias=False)
    flat = flatten_parameters(network)
    average = AveragedNetwork(network, flat, share)
    means = []
    for value in values:
        flat.data.fill_(value)
        average.add()
        means.append(average.network.weight.item())
    return means


def learner(config, spec):
    return DQNLearner(config, spec, np.random.default_rng(1))


def trained(config, spec, stream, iterations=6):
    """A learner, and its network after each iteration."""
    made = learner(config, spec)
    networks = []
    messages = stream(config)
    made.add(messages(10), "client")
    for _ in range(iterations):
        made.add(messages(10), "client")
        made.update()
        networks.append(made.weights())
    return made, networks


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_allclose(array, other[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_share_of_1_is_the_plain_mean():
    values = np.random.default_rng(0).normal(size=50)
    np.testing.assert_allclose(averaged(values, 1.0), np.cumsum(values) / np.arange(1, 51), atol=1e-5)


def test_average_is_the_newest_network_while_its_share_is_less_than_one():
    values = np.random.default_rng(0).normal(size=10)
    np.testing.assert_allclose(averaged(values, 0.1), values, atol=1e-6)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.3])
def test_window_grows_with_the_training(share):
    """The average of the numbers 1 to n is behind n by about the share of n."""
    for count in (1_000, 10_000):
        lag = 1 - averaged(range(1, count + 1), share)[-1] / count
        assert lag == pytest.approx(share / (1 + share), rel=0.05)


def test_averaging_does_not_change_the_network():
    network = nn.Linear(2, 2)
    average = AveragedNetwork(network, flatten_parameters(network), 1.0)
    average.add()
    before = network.weight.clone()
    average.network.weight.data.fill_(5.0)
    assert torch.equal(network.weight, before)


def test_evaluation_weights_are_the_mean_of_the_iterations(spec, stream):
    made, networks = trained(CONFIG.model_copy(update={"average": 1.0}), spec, stream)
    mean = {name: np.mean([network[name] for network in networks], axis=0) for name in networks[0]}
    assert_equal(made.evaluation_weights(), mean)


def test_without_an_average_evaluation_weights_are_the_clients(spec, stream):
    made, networks = trained(CONFIG.model_copy(update={"average": None}), spec, stream)
    assert_equal(made.evaluation_weights(), networks[-1])


def test_average_starts_again_after_a_reset(spec, stream):
    config = CONFIG.model_copy(update={"average": 1.0, "resets": CONFIG.resets.model_copy(update={"every": 40})})
    made, networks = trained(config, spec, stream)
    mean = {name: np.mean([network[name] for network in networks[3:]], axis=0) for name in networks[0]}
    assert_equal(made.evaluation_weights(), mean)


def test_average_goes_on_after_a_resume(spec, stream):
    made, _ = trained(CONFIG, spec, stream)
    resumed = learner(CONFIG, spec)
    resumed.load(made.save())
    messages = stream()
    before = [messages(10) for _ in range(made.reach() // 10)]
    for steps in before:
        resumed.restore(steps, "client")
    resumed.restored(complete=True)
    steps = stream(seed=5)(10)
    for one in (made, resumed):
        one.add(steps, "client")
        one.update()
    assert_equal(resumed.evaluation_weights(), made.evaluation_weights())


def test_checkpoint_of_a_training_without_average_begins_one_with_its_network(spec, stream):
    made, networks = trained(CONFIG.model_copy(update={"average": None}), spec, stream)
    loaded = learner(CONFIG, spec)
    loaded.load(State(made.save().arrays, made.save().values))
    assert_equal(loaded.evaluation_weights(), networks[-1])


def test_evaluation_weights_have_mean_and_scale(spec, stream):
    made, _ = trained(CONFIG.model_copy(update={"normalize": True}), spec, stream)
    assert made.evaluation_weights().keys() == made.weights().keys()
