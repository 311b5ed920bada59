"""What each environment of a vector says, in a form that survives gymnasium's stacking of infos and rewards."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from soulsai_core.environments.gym.actions import action_codec
from soulsai_core.environments.gym.infos import numbers, read_mask


class InfoNumbers(gymnasium.Wrapper):
    """Numbers become floats, since the first row's type would be everybody's (a later 0.5 stored as 0); lists of
    valid actions become masks of one length; arrays and texts, which nobody reads, are not sent between processes;
    a reward that is an array of one becomes a number."""

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        self._codec = action_codec(env.action_space)

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Like the environment's own."""
        observation, info = self.env.reset(**kwargs)
        return observation, self._tidy(info)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Like the environment's own."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, np.asarray(reward).item(), bool(terminated), bool(truncated), self._tidy(info)

    def _tidy(self, info: dict[str, Any]) -> dict[str, Any]:
        tidy: dict[str, Any] = dict(numbers(info))
        mask = read_mask(info, self._codec) if self._codec.maskable else None
        return tidy if mask is None else {**tidy, "action_mask": mask}
