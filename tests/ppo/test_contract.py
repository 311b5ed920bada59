"""PPO keeps the contract of algorithms, in each of its forms."""

from __future__ import annotations

import pytest

from soulsai_core.messages import ArraySpec, Continuous, Discrete, MultiDiscrete
from soulsai_core.testing.algorithm import VECTOR, AlgorithmContract, EnvSpec
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.plugin import plugin as ppo


class _Contract(AlgorithmContract):
    @pytest.fixture
    def plugin(self):
        return ppo


class TestPlain(_Contract):
    @pytest.fixture
    def config(self):
        return PPOConfig(rollout=48, minibatch_size=16, hidden=(16,), epochs=2)


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


class TestContinuing(_Contract):
    @pytest.fixture
    def config(self):
        return PPOConfig(rollout=32, minibatch_size=16, hidden=(8,), on_lost_client="continue", normalize_rewards=True)


class TestRecurrent(_Contract):
    @pytest.fixture
    def config(self):
        return PPOConfig(rollout=48, minibatch_size=16, hidden=(8,), epochs=2, lstm=8, sequence_length=8)


class TestContinuous(_Contract):
    @pytest.fixture
    def config(self):
        return PPOConfig(rollout=48, minibatch_size=16, hidden=(16,), epochs=2, normalize_observations=True)

    @pytest.fixture
    def spec(self):
        return EnvSpec("continuous", VECTOR, Continuous((2,), (-1.0, 0.0), (1.0, None)))


class TestSquashed(_Contract):
    @pytest.fixture
    def config(self):
        return PPOConfig(rollout=48, minibatch_size=16, hidden=(16,), epochs=2, squash=True, entropy_coefficient=0.01)

    @pytest.fixture
    def spec(self):
        return EnvSpec("continuous", VECTOR, Continuous((2,), (-1.0, 0.0), (1.0, 5.0)))


class TestMultiDiscrete(_Contract):
    @pytest.fixture
    def config(self):
        return PPOConfig(rollout=48, minibatch_size=16, hidden=(16,), epochs=2)

    @pytest.fixture
    def spec(self):
        return EnvSpec("several", VECTOR, MultiDiscrete((2, 3)))


class TestImages(_Contract):
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
