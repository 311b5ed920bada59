"""The contract that every algorithm keeps, for PPO in each of its forms."""

from __future__ import annotations

import pytest

from soulsai_core.messages import ArraySpec, Continuous, Discrete, MultiDiscrete
from soulsai_core.testing.algorithm import SPACES, VECTOR, AlgorithmContract, EnvSpec
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.plugin import plugin as ppo

# Orthogonal matrices for the network of images take longer than all the rest; TestImages has smaller ones.
QUICK = {"rollout": 48, "minibatch_size": 16, "hidden": (16,), "epochs": 2, "orthogonal": False}


class _Contract(AlgorithmContract):
    @pytest.fixture
    def plugin(self):
        return ppo


class TestTwoClients(_Contract):
    @pytest.fixture
    def config(self):
        return PPOConfig(**QUICK, on_lost_client="continue")


class TestOneClientAndEverySetting(_Contract):
    @pytest.fixture
    def config(self):
        return PPOConfig(
            rollout=40,
            clients=1,
            minibatch_size=16,
            hidden=(16, 8),
            activation="relu",
            epochs=3,
            shared=True,
            orthogonal=False,
            value_clip=0.2,
            target_kl=0.01,
            entropy_coefficient=0.01,
            anneal_steps=1000,
            anneal_clip=True,
            normalize_observations=True,
            normalize_rewards=True,
        )

    @pytest.fixture
    def spec(self):
        return EnvSpec("several", VECTOR, MultiDiscrete((2, 3)))


class TestRecurrent(_Contract):
    @pytest.fixture
    def config(self):
        return PPOConfig(**QUICK, lstm=8, sequence_length=8)

    @pytest.fixture
    def spec(self):
        return SPACES["masked and timed"]


class TestContinuous(_Contract):
    """One bound is missing, so that actions are clipped on one side."""

    @pytest.fixture
    def config(self):
        return PPOConfig(**QUICK, normalize_observations=True)

    @pytest.fixture
    def spec(self):
        return EnvSpec("continuous", VECTOR, Continuous((2,), (-1.0, 0.0), (1.0, None)))


class TestImages(_Contract):
    """With a vector as well."""

    @pytest.fixture
    def config(self):
        return PPOConfig(rollout=16, minibatch_size=8, epochs=1)

    @pytest.fixture
    def spec(self):
        images = {
            "observation.view": ArraySpec((1, 40, 40), "uint8", 0, 255),
            "observation.speed": VECTOR["observation"],
        }
        return EnvSpec("image and vector", images, Discrete(3))
