"""A single environment. Games usually run alone, so this has a faster path than a vector of one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np

from soulsai_core.contracts import Environment
from soulsai_core.environments.gym.actions import action_codec
from soulsai_core.environments.gym.failures import failed, one_number
from soulsai_core.environments.gym.infos import has_mask, numbers, read_mask
from soulsai_core.environments.gym.spaces import ObservationLayout
from soulsai_core.errors import EnvironmentFailure
from soulsai_core.messages import Arrays, Step


def _constant(value: bool) -> np.ndarray:
    """A flag array (1,) that many steps share, and that is read-only for this reason."""
    array = np.array([value])
    array.flags.writeable = False
    return array


FALSE = _constant(False)
TRUE = _constant(True)


class SingleEnvironment(Environment):
    """One environment. After an end it is reset at once, with the last observation of the episode in `Step.final`.

    Args:
        seed: seed of the first reset; None: a random one.
        reset_at_once: False leaves the reset to the next step, for games whose resets take seconds: their time then
            counts neither to the last step of the episode nor against the deadline of a step.
        draw: makes the picture of the environment; None: its own `render`.
        reseeds: a reset with a seed makes all that follows the same as in a new environment, as gymnasium asks for.
    """

    num_envs = 1

    def __init__(
        self,
        env: gymnasium.Env,
        name: str,
        seed: int | None,
        *,
        reset_at_once: bool = True,
        reseeds: bool = False,
        draw: Callable[[gymnasium.Env], np.ndarray] | None = None,
    ) -> None:
        self._env = env
        self._name = name
        self._seed = seed
        self._reset_at_once = reset_at_once
        self._reseeds = reseeds
        self._draw = draw
        self.frames_per_second = float(env.metadata.get("render_fps") or 30)
        self._ended = False
        self._codec = action_codec(env.action_space)
        self._act = self._codec.one
        self._read = ObservationLayout(env.observation_space).reader(1)
        self._masked: bool | None = None
        self._all_valid = np.ones((1, self._codec.maskable), np.bool_)
        self._failure: EnvironmentFailure | None = None
        self._closed = False

    def reset(self) -> Step:
        """Start an episode. The first one is seeded."""
        self._failure = None
        self._ended = False
        observations, masks = self._begin()
        return Step(observations, np.zeros(1, np.float32), FALSE, FALSE, masks=masks)

    def reseed(self, seed: int) -> bool:
        if self._reseeds:
            self._seed = seed
            self._reset_at_once = False  # who seeds each episode resets once it has ended: a reset before is in vain
        return self._reseeds

    def picture(self) -> np.ndarray | None:
        if self._draw is None and self._env.render_mode is None:
            return None
        try:
            picture = self._env.render() if self._draw is None else self._draw(self._env)
        except Exception as error:
            raise failed(self._name, "render", error) from error
        return picture if isinstance(picture, np.ndarray) and picture.ndim == 3 else None

    def step(self, actions: np.ndarray) -> Step:
        """Step with actions (1, *action shape)."""
        if self._failure is not None:
            raise self._failure
        if self._ended:
            return replace(self.reset(), valid=FALSE)
        try:
            observation, reward, terminated, truncated, info = self._env.step(self._act(actions))
            observations = self._read(observation)
            rewards = np.array(reward, np.float32, ndmin=1)
            if rewards.shape != (1,):
                rewards = one_number(rewards)
            masks = self._masks(info) if self._masked else None
        except Exception as error:
            raise failed(self._name, "step", error) from error
        # An empty info, at each step of many environments, is told apart faster than it is read.
        found = None if type(info) is dict and not info else numbers(info)
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
        """Start the next episode. If that fails, the last step of this one is returned all the same, and the next call
        raises the failure."""
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
            self._seed = None  # later resets continue the environment's own random numbers
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
        """Close the environment once. Exceptions of its `close` are ignored: there is nothing to do about them."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(Exception):
                self._env.close()
