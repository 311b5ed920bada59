"""How long the steps of a fight take, in the game's time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from soulsai_core import SingleEnvironment, Step
from soulsai_souls_env.observation import STEP_SIZE


class StepTimes(gymnasium.Wrapper):
    """Measures each step by the game's clock, which stands still while the agent chooses.

    Attributes:
        seconds: game time of the newest step.
        fight_seconds: game time of all steps since the last reset.
    """

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        self.seconds = STEP_SIZE
        self.fight_seconds = 0.0
        self._game: Any = env.unwrapped.game  # type: ignore[attr-defined]

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Like the environment's own."""
        self.fight_seconds = 0.0
        return super().reset(**kwargs)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Like the environment's own."""
        before = self._game.time
        result = self.env.step(action)
        self.seconds = self._game.timed(self._game.time, before)
        self.fight_seconds += self.seconds
        return result


class TimedEnvironment(SingleEnvironment):
    """An environment whose steps differ in length and report it, in usual steps."""

    def __init__(
        self,
        env: gymnasium.Env,
        name: str,
        seed: int | None,
        *,
        reset_at_once: bool = True,
        draw: Callable[[gymnasium.Env], np.ndarray] | None = None,
    ) -> None:
        super().__init__(env, name, seed, reset_at_once=reset_at_once, draw=draw)
        while not isinstance(env, StepTimes):
            assert isinstance(env, gymnasium.Wrapper), "its steps are not measured"
            env = env.env
        self._times = env

    def reset(self) -> Step:
        """Like a single environment's own."""
        step = super().reset()
        step.durations = np.ones(1, np.float32)
        return step

    def step(self, actions: np.ndarray) -> Step:
        """Like a single environment's own."""
        step = super().step(actions)
        step.durations = np.array([self._times.seconds / STEP_SIZE], np.float32)
        return step
