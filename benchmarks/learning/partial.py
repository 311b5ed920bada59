"""CartPole without velocities in its observation."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np


class PartialCartPole(gymnasium.ObservationWrapper):
    """Observes only the position of the cart and the angle of the pole."""

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        assert isinstance(env.observation_space, gymnasium.spaces.Box)
        high = env.observation_space.high[[0, 2]]
        self.observation_space = gymnasium.spaces.Box(-high, high, dtype=np.float32)

    def observation(self, observation: np.ndarray) -> np.ndarray:
        return observation[[0, 2]]


def make(**kwargs: Any) -> gymnasium.Env:
    return PartialCartPole(gymnasium.make("CartPole-v1", **kwargs))


gymnasium.register("PartialCartPole-v0", entry_point=f"{__name__}:make")
