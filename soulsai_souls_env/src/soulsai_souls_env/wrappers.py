"""Around soulsgym's environments: the state vector, the outcome among the metrics, and a look at the window."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from soulsai_core import EnvironmentFailure
from soulsai_souls_env.error_messages import cannot
from soulsai_souls_env.observation import BossDuration, Layout, state_vector

Info = dict[str, Any]


class StateVector(gymnasium.ObservationWrapper):
    """The flat vector instead of the dictionary. Its numbers have no common bounds: stamina falls below zero."""

    def __init__(self, env: gymnasium.Env, layout: Layout) -> None:
        super().__init__(env)
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (layout.size,), np.float32)
        self._layout = layout
        self._duration = BossDuration(layout.boss)

    def reset(self, **kwargs: Any) -> tuple[np.ndarray, Info]:
        """The durations begin anew."""
        self._duration.reset()
        return super().reset(**kwargs)

    def observation(self, observation: dict[str, Any]) -> np.ndarray:
        """float32 (layout.size,)."""
        duration = self._duration.update(
            int(np.asarray(observation["boss_animation"]).item()),
            float(np.asarray(observation["boss_animation_duration"]).item()),
        )
        return state_vector(observation, duration, self._layout)


class Outcome(gymnasium.Wrapper):
    """Reports with the end of each episode who had how much health left, and whether the boss was beaten.

    It reads soulsgym's own count, because the game's health is topped up after each step.
    """

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, Info]:
        """Like the environment's own."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if terminated or truncated:
            state: Any = self.env.unwrapped._internal_state  # type: ignore[attr-defined]
            info = {
                **info,
                "boss_hp": state.boss_hp / state.boss_max_hp,
                "player_hp": state.player_hp / state.player_max_hp,
                "won": float(state.boss_hp <= 0),
            }
        return observation, reward, terminated, truncated, info


class Advised(gymnasium.Wrapper):
    """Says what to do about a fight that cannot be set up."""

    def __init__(self, env: gymnasium.Env, name: str) -> None:
        super().__init__(env)
        self._name = name

    def reset(self, **kwargs: Any) -> tuple[Any, Info]:
        """Like the environment's own. Raises EnvironmentFailure, EnvironmentNotReady if the player can help."""
        try:
            return self.env.reset(**kwargs)
        except Exception as error:
            raise cannot("reset", self._name, error) from error


class InFocus(gymnasium.Wrapper):
    """A step whose keys went to another window did not happen as the agent believes: it ends the episode as failed."""

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, Info]:
        """Like the environment's own. Raises EnvironmentFailure if the game's window is not in front."""
        result = self.env.step(action)
        if not self.env.unwrapped._game_window.focused:  # type: ignore[attr-defined]
            raise EnvironmentFailure("The game lost the focus, so its keys went to another window.")
        return result


class Responsive(gymnasium.Wrapper):
    """Notices when the game no longer takes keys, as behind a dialog: whoever stands or walks and has stamina can roll.
    In the middle of other animations a roll may be lost (1 of 34 in the recorded fight)."""

    most_ignored = 3
    _rolls = range(8, 16)
    _free = frozenset(("Idle", "Move", "None"))

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        self._ignored = 0

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, Info]:
        """Like the environment's own. Raises EnvironmentFailure if too many rolls in a row had no effect."""
        soulsgym: Any = self.env.unwrapped
        before = soulsgym._internal_state
        result = self.env.step(action)
        if action in self._rolls and before.player_animation in self._free and before.player_sp > 0:
            self._ignored = self._ignored + 1 if soulsgym._internal_state.player_animation in self._free else 0
            if self._ignored >= self.most_ignored:
                raise EnvironmentFailure(
                    f"{self._ignored} rolls in a row had no effect: a dialog or another window takes the keys."
                )
        return result
