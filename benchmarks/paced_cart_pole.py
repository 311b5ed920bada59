"""CartPole at the pace of a game: `benchmarks.paced_cart_pole:CartPole100Hz-v0`, and 500Hz for tests.

At full speed, trainings would slow down whatever else runs on the machine.
"""

from __future__ import annotations

import time
from typing import Any

import gymnasium


class Paced(gymnasium.Wrapper):
    """An environment whose steps take at least `step_s` seconds, without using the processor meanwhile."""

    def __init__(self, env: gymnasium.Env[Any, Any], step_s: float) -> None:
        super().__init__(env)
        self._step_s = step_s

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        time.sleep(self._step_s)
        return self.env.step(action)


def make(step_s: float, **options: Any) -> gymnasium.Env[Any, Any]:
    """The environment, for gymnasium's registry."""
    return Paced(gymnasium.make("CartPole-v1", **options), step_s)


for hertz in (100, 500):
    gymnasium.register(
        f"CartPole{hertz}Hz-v0", entry_point=f"{__name__}:make", max_episode_steps=500, kwargs={"step_s": 1 / hertz}
    )
