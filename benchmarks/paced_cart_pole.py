"""CartPole at the pace of a game, as gymnasium's `benchmarks.paced_cart_pole:PacedCartPole-v0`."""

from __future__ import annotations

import time
from typing import Any

import gymnasium

STEP_S = 0.01


class PacedCartPole(gymnasium.Wrapper):
    """CartPole whose steps take at least a hundredth of a second, without using the processor meanwhile."""

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        time.sleep(STEP_S)
        return self.env.step(action)


def make(**options: Any) -> gymnasium.Env[Any, Any]:
    """The environment, for gymnasium's registry."""
    return PacedCartPole(gymnasium.make("CartPole-v1", **options))


gymnasium.register("PacedCartPole-v0", entry_point=make, max_episode_steps=500)
