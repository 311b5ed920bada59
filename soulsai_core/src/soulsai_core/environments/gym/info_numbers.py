"""A wrapper around each environment of a vector, whose infos and rewards survive gymnasium's stacking of them."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from soulsai_core.environments.gym.actions import action_codec
from soulsai_core.environments.gym.failures import one_number
from soulsai_core.environments.gym.infos import numbers, read_mask


class InfoNumbers(gymnasium.Wrapper):
    """Reduces infos to floats and masks, and rewards to plain numbers.

    gymnasium stores the infos of all rows in arrays of the first row's type: a later 0.5 would become 0 next to an int,
    so numbers become floats. Lists of valid actions become masks, which all have one length. Arrays and texts are left
    out, so that they are not sent between processes.
    """

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        self._codec = action_codec(env.action_space)

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Reset the environment, with a reduced info."""
        observation, info = self.env.reset(**kwargs)
        return observation, self._reduced(info)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Step the environment, with a plain reward and a reduced info."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return (
            observation,
            one_number(np.asarray(reward)).item(),
            bool(terminated),
            bool(truncated),
            self._reduced(info),
        )

    def _reduced(self, info: Any) -> dict[str, Any]:
        reduced: dict[str, Any] = dict(numbers(info))
        mask = read_mask(info, self._codec) if self._codec.maskable else None
        return reduced if mask is None else {**reduced, "action_mask": mask}
