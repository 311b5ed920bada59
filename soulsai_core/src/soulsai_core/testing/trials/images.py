"""A gymnasium environment of small images, for wrappers that take no vectors."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces


class Images(gymnasium.Env):
    """Random images (96, 96, 3); an episode has ten steps."""

    observation_space = spaces.Box(0, 255, (96, 96, 3), np.uint8)
    action_space = spaces.Discrete(3)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._age = 0
        return self._image(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self._age += 1
        return self._image(), 1.0, self._age == 10, False, {}

    def _image(self) -> np.ndarray:
        return self.np_random.integers(0, 256, (96, 96, 3), np.uint8)
