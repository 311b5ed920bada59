"""Several environments in one gymnasium vector. Its three autoreset modes are converted to one form.

NEXT_STEP: the step after an end ignores the row's action and only resets it. The step of the end has the last
    observation, and the next step the first one of the new episode with `valid` False.
SAME_STEP: a row that ended is already reset, with its last observation and info in `final_obs` and `final_info`.
DISABLED: this module resets the rows that ended, in the same step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from soulsai_core.contracts import Environment
from soulsai_core.environments.gym.actions import action_codec
from soulsai_core.environments.gym.failures import failed
from soulsai_core.environments.gym.infos import has_mask, numbers, row_info, row_masks
from soulsai_core.environments.gym.spaces import ObservationLayout
from soulsai_core.messages import Arrays, Step


class _Result(NamedTuple):
    """The result of a vector's step as our own arrays, still in the form of its autoreset mode."""

    observations: Arrays
    rewards: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    infos: Mapping[str, Any]

    @property
    def ended(self) -> np.ndarray:
        return self.terminated | self.truncated


class VectorEnvironment(Environment):
    """`num_envs` environments in one gymnasium VectorEnv."""

    def __init__(self, env: VectorEnv, name: str, seed: int | None, mode: AutoresetMode) -> None:
        self.num_envs = env.num_envs
        self._env = env
        self._name = name
        self._seed = seed
        self._mode = mode
        self._codec = action_codec(env.single_action_space)
        layout = ObservationLayout(env.single_observation_space)
        self._read = layout.reader(self.num_envs)
        self._read_one = layout.reader(1)
        self._masked: bool | None = None
        self._ended = np.zeros(self.num_envs, np.bool_)
        self._failed = self._closed = False

    def reset(self) -> Step:
        """Start all episodes. The first ones are seeded with seed, seed + 1, …"""
        seed = self._seed
        self._seed = None
        self._ended = np.zeros(self.num_envs, np.bool_)
        try:
            observations, infos = self._reset(seed=seed)
            if self._masked is None:
                self._masked = self._codec.maskable > 0 and has_mask(infos)
            rewards = np.zeros(self.num_envs, np.float32)
            flags = np.zeros(self.num_envs, np.bool_)
            return Step(observations, rewards, flags, flags.copy(), masks=self._masks(infos))
        except Exception as error:
            self._failed = True
            raise failed(self._name, "reset", error) from error

    def step(self, actions: np.ndarray) -> Step:
        """Step all environments with actions (num_envs, *action shape)."""
        try:
            result = self._play(actions)
            if self._mode is AutoresetMode.NEXT_STEP:
                return self._after_next_step(result)
            if not result.ended.any():
                return self._running(result)
            if self._mode is AutoresetMode.SAME_STEP:
                return self._after_same_step(result)
            return self._after_disabled(result)
        except Exception as error:
            self._failed = True
            raise failed(self._name, "step", error) from error

    def _play(self, actions: np.ndarray) -> _Result:
        observations, rewards, terminated, truncated, infos = self._env.step(self._codec.many(actions))
        return _Result(
            self._read(observations),
            np.array(rewards, np.float32).reshape(self.num_envs),
            np.array(terminated, np.bool_).reshape(self.num_envs),
            np.array(truncated, np.bool_).reshape(self.num_envs),
            infos,
        )

    def _running(self, result: _Result) -> Step:
        metrics = self._metrics(result.infos, range(self.num_envs))
        return Step(*result[:4], masks=self._masks(result.infos), metrics=metrics)

    def _after_next_step(self, result: _Result) -> Step:
        if not self._ended.any():
            self._ended = result.ended
            return self._running(result)
        # The rows that ended in the last step were only reset, and gymnasium may repeat their old reward and flags.
        valid = ~self._ended
        observations, rewards, terminated, truncated = result[:4]
        rewards[self._ended] = 0.0
        terminated = terminated & valid
        truncated = truncated & valid
        self._ended = terminated | truncated
        metrics = self._metrics(result.infos, np.flatnonzero(valid))
        masks = self._masks(result.infos)
        return Step(observations, rewards, terminated, truncated, valid=valid, masks=masks, metrics=metrics)

    def _after_same_step(self, result: _Result) -> Step:
        final_infos = result.infos.get("final_info", {})
        last = self._masks(final_infos)
        ends = np.flatnonzero(result.ended)
        final = {row: self._row(_pick(result.infos["final_obs"], row)) for row in ends.tolist()}
        metrics = self._metrics(result.infos, np.flatnonzero(~result.ended)) | self._metrics(final_infos, ends)
        masks = self._masks(result.infos)
        return Step(*result[:4], final, None, masks, _rows_of(last, ends), metrics)

    def _after_disabled(self, result: _Result) -> Step:
        ended = result.ended
        ends = np.flatnonzero(result.ended)
        observations, infos = self._reset(options={"reset_mask": ended.copy()})
        final = {int(row): {name: rows[row] for name, rows in result.observations.items()} for row in ends}
        masks = self._masks(infos)
        last = self._masks(result.infos)
        # The infos of the reset have masks of the rows that were reset alone.
        if masks is not None and last is not None:
            masks[~ended] = last[~ended]
        metrics = self._metrics(result.infos, range(self.num_envs))
        return Step(observations, *result[1:4], final, None, masks, _rows_of(last, ends), metrics)

    def _reset(self, **kwargs: Any) -> tuple[Arrays, Mapping[str, Any]]:
        observations, infos = self._env.reset(**kwargs)
        return self._read(observations), infos

    def _row(self, observation: Any) -> Arrays:
        return {name: rows[0] for name, rows in self._read_one(observation).items()}

    def _masks(self, infos: Mapping[str, Any]) -> np.ndarray | None:
        return row_masks(infos, self.num_envs, self._codec) if self._masked else None

    def _metrics(self, infos: Mapping[str, Any], rows: Any) -> dict[int, dict[str, float]]:
        if not isinstance(infos, Mapping) or not infos:
            return {}
        found = {int(row): numbers(row_info(infos, row)) for row in rows}
        return {row: values for row, values in found.items() if values}

    def close(self) -> None:
        """Close the environments once, and ignore their exceptions."""
        if self._closed:
            return
        self._closed = True
        # After a failure a process may hang or be gone, and would not result: they are terminated first.
        ways: list[dict[str, Any]] = [{}, {"terminate": True}]
        for options in reversed(ways) if self._failed else ways:
            with contextlib.suppress(Exception):
                self._env.close(**options)
                return


def _rows_of(masks: np.ndarray | None, rows: np.ndarray) -> dict[int, np.ndarray]:
    return {} if masks is None else {int(row): masks[row] for row in rows}


def _pick(batch: Any, row: int) -> Any:
    """One row of gymnasium's final observations: an object array, or in other versions a batch of the space."""
    if isinstance(batch, Mapping):
        return {key: _pick(values, row) for key, values in batch.items()}
    return tuple(_pick(values, row) for values in batch) if isinstance(batch, tuple) else batch[row]
