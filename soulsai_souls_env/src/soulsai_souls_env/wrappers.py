"""Wrappers around soulsgym's environments: the state vector, the outcome of an episode, error messages and checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from soulsai_core import EnvironmentFailure
from soulsai_souls_env.adapter import boss_animations, change_phase, player_animations, state_reader
from soulsai_souls_env.animations import known_ids
from soulsai_souls_env.error_messages import environment_error
from soulsai_souls_env.observation import STEP_SIZE, BossDuration, Layout, state_vector
from soulsai_souls_env.relative import relative_size, relative_vector
from soulsai_souls_env.timing import StepTimes

Info = dict[str, Any]


class StateVector(gymnasium.ObservationWrapper):
    """The state vector instead of the dictionary of observations.

    Args:
        boss: soulsgym's short name.
        times: measures the steps, where they differ in length.
    """

    def __init__(self, env: gymnasium.Env, layout: Layout, boss: str, times: StepTimes | None = None) -> None:
        super().__init__(env)
        # Unbounded: there is no common range, and stamina falls below zero.
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (layout.size,), np.float32)
        self._layout = layout
        self._duration = BossDuration(layout.boss)
        self._times = times
        installed = {
            "player_animation": known_ids(player_animations(), layout.player_names),
            "boss_animation": known_ids(boss_animations(boss), layout.boss_names),
        }
        self._renumbered = {key: ids for key, ids in installed.items() if ids is not None}

    def reset(self, **kwargs: Any) -> tuple[np.ndarray, Info]:
        """Like the environment's own."""
        self._duration.reset()
        return super().reset(**kwargs)

    def observation(self, observation: dict[str, Any]) -> np.ndarray:
        """float32 (layout.size,)."""
        for key, ids in self._renumbered.items():
            observation[key] = ids.get(int(np.asarray(observation[key]).item()), -1)
        duration = self._duration.update(
            int(np.asarray(observation["boss_animation"]).item()),
            float(np.asarray(observation["boss_animation_duration"]).item()),
            STEP_SIZE if self._times is None else self._times.seconds,
        )
        return state_vector(observation, duration, self._layout)


class RelativeVector(gymnasium.ObservationWrapper):
    """The state vector as player and boss see each other, instead of that of `StateVector`."""

    def __init__(self, env: gymnasium.Env, layout: Layout) -> None:
        super().__init__(env)
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (relative_size(layout),), np.float32)
        self._layout = layout

    def observation(self, observation: np.ndarray) -> np.ndarray:
        """float32 (relative_size(layout),)."""
        return relative_vector(observation, self._layout)


class EpisodeOutcome(gymnasium.Wrapper):
    """Adds to the info of an episode's last step: `won`, and `boss_hp` and `player_hp` as shares of their maxima.

    Attributes:
        won: how the last fight has ended; None during a fight.
    """

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        self.won: bool | None = None
        self._state = state_reader(env.unwrapped)

    def reset(self, **kwargs: Any) -> tuple[Any, Info]:
        """Like the environment's own."""
        self.won = None
        return super().reset(**kwargs)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, Info]:
        """Like the environment's own."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        # Some environments report hit points here, which are no shares.
        info.pop("boss_hp", None)
        if terminated or truncated:
            # soulsgym's own count: it refills the game's health after each step.
            state = self._state(self.env.unwrapped)
            self.won = bool(state.boss_hp <= 0)
            info = {
                **info,
                "boss_hp": state.boss_hp / state.boss_max_hp,
                "player_hp": state.player_hp / state.player_max_hp,
                "won": float(self.won),
            }
        return observation, reward, terminated, truncated, info


class ResetErrors(gymnasium.Wrapper):
    """Turns errors of `reset` into EnvironmentFailure with what to do about them."""

    def __init__(self, env: gymnasium.Env, name: str) -> None:
        super().__init__(env)
        self._name = name

    def reset(self, **kwargs: Any) -> tuple[Any, Info]:
        """Like the environment's own. Raises EnvironmentFailure, or EnvironmentNotReady if the player can help."""
        try:
            return self.env.reset(**kwargs)
        except Exception as error:
            raise environment_error("reset", self._name, error) from error


class SecondPhase(gymnasium.Wrapper):
    """Brings a boss into its second phase after each reload of the game, where soulsgym does not do so itself."""

    def __init__(self, env: gymnasium.Env, boss: str) -> None:
        super().__init__(env)
        self._boss = boss
        self._reloaded: float | None = None

    def reset(self, **kwargs: Any) -> tuple[Any, Info]:
        """Like the environment's own."""
        soulsgym: Any = self.env.unwrapped
        result = self.env.reset(**kwargs)
        if self._reloaded != soulsgym._last_hard_reset and change_phase(soulsgym, self._boss):
            result = self.env.reset(**kwargs)
        self._reloaded = soulsgym._last_hard_reset
        return result


class FocusCheck(gymnasium.Wrapper):
    """Fails a step during which the game's window was not in front.

    The keys went to another window, so the game did not take the action that the agent chose.
    """

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, Info]:
        """Like the environment's own. Raises EnvironmentFailure if the game's window is not in front."""
        result = self.env.step(action)
        if not self.env.unwrapped._game_window.focused:  # type: ignore[attr-defined]
            raise EnvironmentFailure("The game lost the focus, so its keys went to another window.")
        return result


class InputCheck(gymnasium.Wrapper):
    """Fails when the game no longer takes keys, for example behind a dialog.

    A player that stands or walks and has stamina can roll. In the middle of other animations a roll may be ignored
    by the game itself (1 of 34 in the recorded fight), so only rolls from standing or walking count.

    Args:
        times: measures the steps: one that went on for longer than usual shows that the player was doing something.
    """

    max_ignored_rolls = 3
    _rolls = range(8, 16)
    _standing_or_walking = frozenset(("Idle", "Move", "None"))

    def __init__(self, env: gymnasium.Env, times: StepTimes) -> None:
        super().__init__(env)
        self._ignored = 0
        self._times = times
        self._state: Callable[[Any], Any] = state_reader(env.unwrapped)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, Info]:
        """Like the environment's own. Raises EnvironmentFailure if too many rolls in a row had no effect."""
        soulsgym: Any = self.env.unwrapped
        before = self._state(soulsgym)
        result = self.env.step(action)
        if action in self._rolls and self._can_roll(before):
            after = self._state(soulsgym)
            still = after.player_animation in self._standing_or_walking and self._times.seconds < 2 * STEP_SIZE
            self._ignored = self._ignored + 1 if still else 0
            if self._ignored >= self.max_ignored_rolls:
                raise EnvironmentFailure(
                    f"{self._ignored} rolls in a row had no effect: a dialog or another window takes the keys."
                )
        return result

    def _can_roll(self, state: Any) -> bool:
        return state.player_animation in self._standing_or_walking and state.player_sp > 0
