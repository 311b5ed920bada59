"""Small environments with the special cases of real ones."""

from __future__ import annotations

import sys

import cloudpickle
import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from soulsai_core.environments.gym import plugin as gymnasium_plugin

# Where processes are spawned, as on Windows and macOS, they cannot import this file: its classes travel as they are.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Counter(gymnasium.Env):
    """Counts; its observation tells row, episode and step apart. Episode lengths come from the seed; every second
    episode is truncated. Valid actions come now as a list, now as flags, and now not at all."""

    def __init__(self, masked: bool = True, array_rewards: bool = False) -> None:
        self.observation_space = spaces.Box(-np.inf, np.inf, (4,), np.float64)
        self.action_space = spaces.Discrete(3, start=5)
        self.masked, self.array_rewards = masked, array_rewards
        self.episode, self.identity = 0, 0.0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None:
            self.identity = float(seed)
        self.episode, self.step_number, self.last = self.episode + 1, 0, 0
        self.length = int(self.np_random.integers(1, 6))
        self.observation = np.zeros(4)
        return self.observe(), self.info()

    def step(self, action):
        assert action in self.action_space, f"{action!r} is not in {self.action_space}"
        assert action in self.allowed(), f"{action} is masked"
        self.step_number, self.last = self.step_number + 1, int(action)
        over = self.step_number == self.length
        reward = np.float64(self.step_number + 0.25 * int(action))
        reward = np.array([reward]) if self.array_rewards else reward
        terminated, truncated = over and self.episode % 2 == 1, over and self.episode % 2 == 0
        return self.observe(), reward, np.bool_(terminated), truncated, self.info()

    def observe(self):
        """The same array every time, as careless environments do."""
        self.observation[:] = self.identity, self.episode, self.step_number, self.last
        return self.observation

    def allowed(self):
        return [5, 6, 7] if self.silent() else [5 + (self.episode + self.step_number) % 3, 5]

    def silent(self):
        return not self.masked or (self.step_number == 2 and self.episode % 4 == 3)

    def info(self):
        half = 7 if self.step_number == 1 else self.step_number / 2
        info = {"half": half, "text": "words", "array": np.ones(self.step_number), "late": np.float32(self.episode)}
        if self.silent():
            return info
        if (self.step_number + self.episode) % 2:
            return {**info, "allowed_actions": self.allowed()}
        return {**info, "action_mask": np.isin([5, 6, 7], self.allowed()).astype(np.int8)}


class Parts(gymnasium.Env):
    """Many kinds of observations, several choices at once, seeded noise."""

    def __init__(self) -> None:
        inner = spaces.Dict({"mode": spaces.Discrete(3, start=-1), "flags": spaces.MultiBinary(2)})
        pair = spaces.Tuple((spaces.Box(0, 1, (2,), np.float64), spaces.MultiDiscrete([2, 3])))
        image, health = spaces.Box(0, 255, (4, 5, 3), np.uint8), spaces.Box(0, 10, (), np.float32)
        self.observation_space = spaces.Dict({"inner": inner, "pair": pair, "image": image, "health": health})
        self.action_space = spaces.MultiDiscrete([3, 4], start=[0, -2])

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 5
        if seed is not None:
            self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        assert action in self.action_space, f"{action!r} is not in {self.action_space}"
        self.left -= 1
        return self.observation_space.sample(), float(action.sum()), False, self.left == 0, {}


class Fragile(gymnasium.Env):
    """Fails in the given method."""

    observation_space = spaces.Box(-1, 1, (2,), np.float32)
    action_space = spaces.Box(np.array([-1.0, 0.0]), np.array([0.1, np.inf]), dtype=np.float64)

    def __init__(self, breaks: str = "") -> None:
        self.breaks, self.resets, self.closed, self.actions = breaks, 0, 0, []
        if breaks == "init":
            raise OSError("the game is not installed")

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.resets += 1
        if self.breaks == "second reset" and self.resets == 2:
            raise TimeoutError("the level did not load")
        return np.zeros(2, np.float32), {}

    def step(self, action):
        if self.breaks == "step":
            raise RuntimeError("the game has crashed")
        self.actions.append(action)
        size = 3 if self.breaks == "shape" else 2
        return np.full(size, 0.5, np.float32), 1, True, False, {}

    def close(self):
        self.closed += 1
        if self.breaks == "close":
            raise OSError("already gone")


ENVIRONMENTS = {"Counter-v0": Counter, "Parts-v0": Parts, "Fragile-v0": Fragile}


@pytest.fixture(autouse=True, scope="session")
def _registered():
    for name, env in ENVIRONMENTS.items():
        gymnasium.register(f"soulsai-test/{name}", env, disable_env_checker=True)
    yield
    for name in ENVIRONMENTS:
        del gymnasium.registry[f"soulsai-test/{name}"]


@pytest.fixture(scope="session")
def plugin():
    return gymnasium_plugin


@pytest.fixture
def make(plugin):
    """A function: name of a test environment, settings -> environment, closed in the end."""
    made = []

    def make_one(name, seed=0, **settings):
        made.append(plugin.make(plugin.config(id=f"soulsai-test/{name}", **settings), seed))
        return made[-1]

    yield make_one
    for environment in made:
        environment.close()
