"""One environment: the fast path, since games usually run alone."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np

from soulsai_core.contracts import Environment
from soulsai_core.environments.gym.actions import action_codec
from soulsai_core.environments.gym.failures import failed
from soulsai_core.environments.gym.infos import has_mask, numbers, read_mask
from soulsai_core.environments.gym.spaces import ObservationLayout
from soulsai_core.errors import EnvironmentFailure
from soulsai_core.messages import Arrays, Step


def _constant(value: bool) -> np.ndarray:
    array = np.array([value])
    array.flags.writeable = False
    return array


FALSE = _constant(False)
TRUE = _constant(True)


class SingleEnvironment(Environment):
    """One row. After an end it resets at once: the observation that ended the episode is in `Step.final`.

    Args:
        reset_at_once: False leaves the reset to the step after an end, as games do whose resets take seconds: it then
            counts neither as part of the last step's time nor against the deadline of a step.
    """

    num_envs = 1

    def __init__(self, env: gymnasium.Env, name: str, seed: int | None, *, reset_at_once: bool = True) -> None:
        self._env = env
        self._name = name
        self._seed = seed
        self._reset_at_once = reset_at_once
        self._ended = False
        self._codec = action_codec(env.action_space)
        self._act = self._codec.one
        self._read = ObservationLayout(env.observation_space).reader(1)
        self._masked: bool | None = None
        self._all_valid = np.ones((1, self._codec.maskable), np.bool_)
        self._failure: EnvironmentFailure | None = None
        self._closed = False

    def reset(self) -> Step:
        """Start an episode; the first one is seeded."""
        self._failure = None
        self._ended = False
        observations, masks = self._begin()
        return Step(observations, np.zeros(1, np.float32), FALSE, FALSE, masks=masks)

    def step(self, actions: np.ndarray) -> Step:
        """Play the one action of (1, *action shape)."""
        if self._failure is not None:
            raise self._failure
        if self._ended:
            return replace(self.reset(), valid=FALSE)
        try:
            observation, reward, terminated, truncated, info = self._env.step(self._act(actions))
            observations = self._read(observation)
            rewards = np.array(reward, np.float32, ndmin=1)
            masks = self._masks(info) if self._masked else None
        except Exception as error:
            raise failed(self._name, "step", error) from error
        found = numbers(info) if info else None
        metrics = {0: found} if found else {}
        if terminated or truncated:
            flags = TRUE if terminated else FALSE, TRUE if truncated else FALSE
            last = Step(observations, rewards, *flags, {}, None, masks, {}, metrics)
            return self._end(last) if self._reset_at_once else self._wait(last)
        return Step(observations, rewards, FALSE, FALSE, {}, None, masks, {}, metrics)

    def _wait(self, last: Step) -> Step:
        self._ended = True
        return last

    def _end(self, last: Step) -> Step:
        """Go on to the next episode. Should that fail, the step that ended this one is still handed out, and the
        failure follows with the next call."""
        try:
            observations, masks = self._begin()
        except EnvironmentFailure as failure:
            self._failure = failure
            return last
        final = {0: {name: rows[0] for name, rows in last.observations.items()}}
        final_masks = {} if last.masks is None else {0: last.masks[0]}
        return Step(
            observations,
            last.rewards,
            last.terminated,
            last.truncated,
            final,
            None,
            masks,
            final_masks,
            last.metrics,
        )

    def _begin(self) -> tuple[Arrays, np.ndarray | None]:
        try:
            seed = self._seed
            self._seed = None
            observation, info = self._env.reset(seed=seed)
            if self._masked is None:
                self._masked = self._codec.maskable > 0 and has_mask(info)
            return self._read(observation), self._masks(info) if self._masked else None
        except Exception as error:
            raise failed(self._name, "reset", error) from error

    def _masks(self, info: dict[str, Any]) -> np.ndarray:
        mask = read_mask(info, self._codec)
        return self._all_valid if mask is None else mask.reshape(1, -1)

    def close(self) -> None:
        """Close the environment once, whatever it says to that."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(Exception):
                self._env.close()
