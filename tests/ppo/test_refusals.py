"""Settings and spaces that cannot work are refused with a sentence that says what to do."""

import numpy as np
import pytest
from pydantic import ValidationError

from soulsai_core import ArraySpec, CheckpointError, Continuous, Discrete, EnvSpec, SpaceError, State
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.plugin import plugin

REFUSED = {
    "minibatch larger than the rollout": (
        {"rollout": 64, "minibatch_size": 128},
        r"minibatch_size \(128\) must not be more than rollout \(64\).*set rollout to 128 or more, or minibatch_size",
    ),
    "more clients than steps": (
        {"rollout": 4, "minibatch_size": 4, "clients": 5},
        r"rollout \(4\) must give each of the 5 clients at least one step: set rollout to 5 or more",
    ),
    "minibatch of one": (
        {"minibatch_size": 1},
        r"one advantage has no deviation.*set minibatch_size to 2 or more, or normalize_advantages to false",
    ),
    "more clients at least than at most": (
        {"clients": 2, "min_clients": 3, "on_lost_client": "continue"},
        r"min_clients \(3\) must not be more than clients \(2\): set clients to 3 or more",
    ),
    "separate networks with one LSTM": (
        {"lstm": 8, "shared": False},
        r"policy and values share the one LSTM: set shared to null or true, or lstm to null",
    ),
    "sequence longer than a minibatch": (
        {"lstm": 8, "sequence_length": 200, "minibatch_size": 100},
        r"minibatch_size \(100\) must have room for a sequence.*set sequence_length \(200\) to at most 100",
    ),
    "annealing without an end": ({"anneal_clip": True, "anneal_steps": None}, r"anneal_clip needs anneal_steps"),
    "unknown policy": ({"on_lost_client": "ignore"}, r"'wait', 'continue' or 'stop'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_settings_that_cannot_work_are_refused(case):
    settings, sentence = REFUSED[case]
    with pytest.raises(ValidationError, match=f"(?s){sentence}"):
        PPOConfig(**settings)


@pytest.mark.parametrize("rollout", [64, 100, 127])
def test_rollout_need_not_be_divisible_by_clients_and_minibatches(rollout):
    assert PPOConfig(rollout=rollout, clients=3, minibatch_size=64).rollout == rollout


def test_min_clients_matters_only_where_training_continues():
    assert PPOConfig(clients=1, min_clients=3).clients == 1


def spec_of(**observations):
    return EnvSpec("Eye-v0", observations, Discrete(2))


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (spec_of(observation=ArraySpec((20, 84, 3), "uint8", 0, 255)), "20 x 84 pixels.*need 36 x 36.*resize"),
        (
            spec_of(a=ArraySpec((84, 84, 3), "uint8", 0, 255), b=ArraySpec((84, 84), "uint8", 0, 255)),
            r"observes 2 images \(a, b\); the networks take one",
        ),
    ],
)
def test_images_that_the_network_cannot_read_are_refused(spec, sentence):
    sentence = f"Eye-v0 observes.*{sentence}" if "pixels" in sentence else sentence
    for half, explore in ((plugin.learner, ()), (plugin.actor, (True,))):
        with pytest.raises(SpaceError, match=sentence):
            half(plugin.config(), spec, np.random.default_rng(0), *explore)


def test_checkpoint_of_another_network_is_refused():
    spec = EnvSpec("vector", {"observation": ArraySpec((4,), "float32")}, Continuous((1,), (-1.0,), (1.0,)))
    small, large = (plugin.learner(PPOConfig(hidden=(width,)), spec, np.random.default_rng(0)) for width in (4, 8))
    with pytest.raises(CheckpointError, match=r"not one of PPO with these settings: hidden.0.weight has shape"):
        large.load(small.save())
    with pytest.raises(CheckpointError, match="not one of PPO"):
        large.load(State({}, {}))
