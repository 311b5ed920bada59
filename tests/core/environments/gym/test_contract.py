"""The contract of environments, for the gymnasium plugin with many kinds of environments.

Episodes of the environments of these tests have few steps, so that fewer random steps are enough.
"""

import pytest

from soulsai_core.environments.gym.config import Config
from soulsai_core.testing.environment import EnvironmentContract


@pytest.fixture(params=["next_step", "same_step", "disabled"])
def mode(request):
    return request.param


class TestLunarLander(EnvironmentContract):
    @pytest.fixture
    def config(self):
        return Config()


class TestContinuousActions(EnvironmentContract):
    steps = 120

    @pytest.fixture
    def config(self):
        return Config(id="Pendulum-v1", max_episode_steps=30)


class TestDictObservationsAndMultiDiscreteActions(EnvironmentContract):
    steps = 120

    @pytest.fixture
    def config(self):
        return Config(id="soulsai-test/Parts-v0")


class TestMaskedActions(EnvironmentContract):
    steps = 120

    @pytest.fixture
    def config(self):
        return Config(id="soulsai-test/Counter-v0")


class TestVectorsOfMaskedActions(EnvironmentContract):
    steps = 120

    @pytest.fixture
    def config(self, mode):
        return Config(id="soulsai-test/Counter-v0", num_envs=3, autoreset_mode=mode)


class TestVectorsOfDictObservations(EnvironmentContract):
    steps = 120

    @pytest.fixture
    def config(self, mode):
        return Config(id="soulsai-test/Parts-v0", num_envs=2, autoreset_mode=mode)


class TestVectorsInProcesses(EnvironmentContract):
    steps = 60

    @pytest.fixture
    def config(self):
        return Config(id="soulsai-test/Counter-v0", num_envs=2, vectorization="async")


class TestVectorVersionOfCartPole(EnvironmentContract):
    steps = 120

    @pytest.fixture
    def config(self):
        return Config(id="CartPole-v1", num_envs=4, vectorization="vector_entry_point")
