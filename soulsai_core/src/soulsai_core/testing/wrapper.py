"""The contract of a wrapper plugin, as tests that its author runs.

from soulsai_core.testing.wrapper import WrapperContract

class TestMyWrapper(WrapperContract):
    @pytest.fixture
    def plugin(self):
        return my_package.plugin

    @pytest.fixture
    def config(self):
        return my_package.Config()

    @pytest.fixture
    def make(self):  # only if it wraps neither CartPole nor images
        return lambda: gymnasium.make("MyGame-v0")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from soulsai_core.contracts import WrapperPlugin
from soulsai_core.testing.essentials import EssentialContract
from soulsai_core.testing.plugin import PluginContract
from soulsai_core.testing.trials.wrapper import base_of

if TYPE_CHECKING:
    import gymnasium

Make = Callable[[], "gymnasium.Env"]
STEPS = 60


class WrapperContract(PluginContract, EssentialContract):
    """Needs the fixtures `plugin` and `config`."""

    kind = "wrapper"

    @pytest.fixture
    def make(self, plugin: WrapperPlugin, config: Any) -> Make:
        """Makes environments that the wrapper can wrap: CartPole, or small images if it does not take CartPole."""
        return base_of(plugin, config)

    @pytest.fixture
    def trial_arguments(self, make: Make) -> tuple[Any, ...]:
        """What to wrap."""
        return (make,)

    @pytest.fixture
    def wrapped(self, plugin: WrapperPlugin, config: Any, make: Make) -> Iterator[Make]:
        """A function that makes a wrapped environment. All are closed at the end of the test."""
        with ExitStack() as stack:
            yield lambda: stack.enter_context(closing(plugin.wrap(make(), config)))

    def test_it_gives_a_gymnasium_environment(self, wrapped: Make) -> None:
        """An instance, with spaces."""
        import gymnasium

        env = wrapped()
        assert isinstance(env, gymnasium.Env)
        assert isinstance(env.observation_space, gymnasium.Space) and isinstance(env.action_space, gymnasium.Space)

    def test_observations_lie_in_the_observation_space(self, wrapped: Make) -> None:
        """Shape, dtype and bounds: the node reads the space, and clients check what they send."""
        env = wrapped()
        for observation, *_ in _played(env):
            assert env.observation_space.contains(observation), f"{observation!r} is not in {env.observation_space}"

    def test_rewards_are_finite_numbers_and_ends_are_flags(self, wrapped: Make) -> None:
        """Each step gives the five values of gymnasium."""
        for _, reward, terminated, truncated, info in _played(wrapped()):
            assert np.size(reward) == 1 and np.isfinite(reward).all(), f"the reward is {reward!r}"
            assert isinstance(terminated, bool | np.bool_) and isinstance(truncated, bool | np.bool_)
            assert isinstance(info, dict)

    def test_same_seed_gives_the_same_episodes(self, wrapped: Make) -> None:
        """The seed of `reset` reaches what is wrapped."""
        for (one, *_), (other, *_) in zip(_played(wrapped()), _played(wrapped()), strict=True):
            np.testing.assert_array_equal(_flat(one), _flat(other))

    def test_observations_given_out_do_not_change(self, wrapped: Make) -> None:
        """They are kept until they are sent."""
        kept = [(observation, _flat(observation).copy()) for observation, *_ in _played(wrapped())]
        for observation, then in kept:
            np.testing.assert_array_equal(_flat(observation), then)

    def test_wrapped_environments_share_nothing(self, wrapped: Make) -> None:
        """A client may step several of them."""
        alone = [_flat(observation).copy() for observation, *_ in _played(wrapped())]
        first = wrapped()
        other = wrapped()
        together = []
        for (observation, *_), _ in zip(_played(first), _played(other, seed=5), strict=True):
            together.append(_flat(observation).copy())
        for one, two in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one, two)


def _played(env: Any, seed: int = 0) -> Iterator[tuple[Any, ...]]:
    """The results of random steps over several episodes."""
    env.action_space.seed(seed)
    env.reset(seed=seed)
    for _ in range(STEPS):
        result = env.step(env.action_space.sample())
        yield result
        if result[2] or result[3]:
            env.reset()


def _flat(observation: Any) -> np.ndarray:
    """All numbers of an observation, whatever its space."""
    if isinstance(observation, dict):
        return np.concatenate([_flat(observation[name]) for name in sorted(observation)])
    if isinstance(observation, tuple):
        return np.concatenate([_flat(part) for part in observation])
    return np.asarray(observation).reshape(-1)
