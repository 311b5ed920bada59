"""CartPole at the pace of a slow game, for trainings that run beside a test: at full speed they would slow it down."""

from __future__ import annotations

import time
from typing import Any

import gymnasium

STEP_S = 0.005


class PacedCartPole(gymnasium.Wrapper):
    """CartPole whose steps take at least five milliseconds, without using the processor meanwhile."""

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        time.sleep(STEP_S)
        return self.env.step(action)


def make(**options: Any) -> gymnasium.Env[Any, Any]:
    """The environment, for gymnasium's registry."""
    return PacedCartPole(gymnasium.make("CartPole-v1", **options))


gymnasium.register("PacedCartPole-v0", entry_point=make, max_episode_steps=500)
