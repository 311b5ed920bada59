"""Settings that do not go together are refused with a sentence."""

import pytest
from pydantic import ValidationError

from soulsai_core import ArraySpec, ConfigError, Discrete, EnvSpec, Features, PluginError, SpaceError
from soulsai_dqn.config import DQNConfig, NetworkChoice
from soulsai_dqn.networks.encoders import chosen_network, impala_cnn, make_encoder, mlp, nature_cnn

VECTOR = Features(EnvSpec("v", {"observation": ArraySpec((4,), "float32")}, Discrete(2)))
PIXELS = Features(EnvSpec("p", {"observation": ArraySpec((84, 84), "uint8")}, Discrete(2)))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"learning_starts": 9, "buffer_size": 8}, r"learning_starts \(9\) must not be more than buffer_size \(8\)"),
        ({"exploration": "noisy"}, "needs a network with noisy layers: set noisy: true"),
        ({"head": "categorical", "value_low": 1, "value_high": 1}, "must be less than value_high"),
        ({"head": "quantile", "loss": "mse"}, "loss: mse is for head: scalar"),
        ({"act_with": "average", "average": None}, "act_with: average needs one"),
        ({"recurrent": {}, "buffer_size": 30, "learning_starts": 1}, "single-step replay cannot train an LSTM"),
        ({"resets": {"every": 10, "recovery": 10}}, "each reset would lead to the next one"),
        (
            {"recurrent": {}, "buffer_size": 34, "learning_starts": 1, "n_step": {"start": 5, "end": 1, "steps": 9}},
            "of 35",
        ),
        ({"gamma": 1.5}, "less than or equal to 1"),
        ({"gamma": {"start": 0.9, "end": 1.5, "steps": 9}}, "less than or equal to 1"),
        ({"n_step": {"start": 5, "end": 0, "steps": 9}}, "greater than or equal to 1"),
        ({"n_step": {"start": 5, "end": 3, "steps": 9, "over": "episodes"}}, "gradient_steps_after_reset"),
        ({"replay_ratio": {"least": 2, "most": 1}}, "must not be less than least"),
        ({"replay_ratio": -1}, "greater than 0"),
        ({"device": "gpu"}, "must be cpu, cuda, cuda:N or auto"),
    ],
)
def test_wrong_combination_is_refused_with_a_remedy(settings, sentence):
    with pytest.raises(ValidationError, match=sentence):
        DQNConfig(**settings)


def test_encoder_is_chosen_by_the_observations_or_by_name():
    assert chosen_network(NetworkChoice(), VECTOR) is mlp
    assert chosen_network(NetworkChoice(), PIXELS) is nature_cnn
    assert chosen_network(NetworkChoice(name="impala_cnn"), PIXELS) is impala_cnn


@pytest.mark.parametrize(
    ("name", "features", "sentence"),
    [("mlp", PIXELS, "takes no images.*nature_cnn"), ("nature_cnn", VECTOR, "there are none; choose network.name mlp")],
)
def test_network_that_cannot_take_the_observations_is_refused(name, features, sentence):
    with pytest.raises(SpaceError, match=sentence):
        chosen_network(NetworkChoice(name=name), features)


def test_network_that_is_not_installed_is_refused_with_those_that_are():
    with pytest.raises(PluginError, match=r"no network 'transformer' installed.*mlp"):
        chosen_network(NetworkChoice(name="transformer"), VECTOR)


def test_wrong_setting_of_a_network_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"network.config does not fit the network 'mlp': depth"):
        make_encoder(NetworkChoice(config={"depth": 3}), VECTOR, None)
