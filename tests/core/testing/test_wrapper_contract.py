"""The contract of wrappers: right ones pass, each mistake fails."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from right_plugins import Empty, wrapper

from soulsai_core.environments.gym import wrappers
from soulsai_core.testing.wrapper import WrapperContract


class TestRightWrapperPasses(WrapperContract):
    @pytest.fixture
    def plugin(self):
        return wrapper

    @pytest.fixture
    def config(self):
        return Empty()


class TestClipRewardPasses(WrapperContract):
    @pytest.fixture
    def plugin(self):
        return wrappers.clip_reward

    @pytest.fixture
    def config(self):
        return wrappers.ClipRewardConfig()


class TestFrameStackPasses(WrapperContract):
    @pytest.fixture
    def plugin(self):
        return wrappers.frame_stack

    @pytest.fixture
    def config(self):
        return wrappers.FrameStackConfig()


class TestGrayscalePasses(WrapperContract):
    """It takes no vector, and is tried with images."""

    @pytest.fixture
    def plugin(self):
        return wrappers.grayscale

    @pytest.fixture
    def config(self):
        return wrappers.GrayscaleConfig()


class Doubled(gymnasium.ObservationWrapper):
    def observation(self, observation):
        return np.concatenate([observation, observation])


class Infinite(gymnasium.RewardWrapper):
    def reward(self, reward):
        return float("inf")


class Deaf(gymnasium.Wrapper):
    def reset(self, *, seed=None, options=None):
        return self.env.reset()


class Reusing(gymnasium.ObservationWrapper):
    buffer = np.zeros(4, np.float32)

    def observation(self, observation):
        self.buffer[:] = observation
        return self.buffer


class Counting(gymnasium.ObservationWrapper):
    steps = [0]

    def observation(self, observation):
        self.steps[0] += 1
        return (observation + self.steps[0] % 2 * np.float32(0.01)).astype(np.float32)


MISTAKES = {
    "test_it_gives_a_gymnasium_environment": lambda env: None,
    "test_observations_lie_in_the_observation_space": Doubled,
    "test_rewards_are_finite_numbers_and_ends_are_flags": Infinite,
    "test_same_seed_gives_the_same_episodes": Deaf,
    "test_observations_given_out_do_not_change": Reusing,
    "test_wrapped_environments_share_nothing": Counting,
}


@pytest.mark.parametrize("test", MISTAKES)
def test_mistake_fails_the_test_that_is_there_for_it(test):
    plugin = replace(wrapper, wrap=lambda env, config: MISTAKES[test](env))

    def wrapped():
        return plugin.wrap(gymnasium.make("CartPole-v1"), Empty())

    with pytest.raises(AssertionError):
        getattr(WrapperContract(), test)(wrapped)
