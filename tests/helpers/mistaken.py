"""Plugins with a mistake, for real processes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np

from soulsai_core import Arrays
from soulsai_core.plugins.examples import linear_q


class FailingUpdate(linear_q.LinearLearner):
    """Its update raises."""

    def update(self) -> dict[str, float]:
        empty: Mapping[str, float] = {}
        return {"loss": empty["loss"]}


class HangingStart(linear_q.LinearLearner):
    """It hangs when it is made."""

    def __init__(self, *given: Any) -> None:
        threading.Event().wait()


class WrongActions(linear_q.LinearActor):
    """Its actions have another dtype than promised."""

    def act(self, observations: Arrays, masks: np.ndarray | None, starts: np.ndarray) -> tuple[np.ndarray, Arrays]:
        actions, own = super().act(observations, masks, starts)
        return actions.astype(np.int32), own


class HangingGame(gymnasium.Env):
    """Its third step hangs."""

    observation_space = gymnasium.spaces.Box(-1, 1, (4,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        return np.zeros(4, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        if self.steps == 3:
            threading.Event().wait()
        return np.zeros(4, np.float32), 0.0, False, False, {}


gymnasium.register("Hanging-v0", "mistaken:HangingGame")
failing = replace(linear_q.plugin, name="failing", learner=FailingUpdate)
hanging_start = replace(linear_q.plugin, name="hanging_start", learner=HangingStart)
wrong_actions = replace(linear_q.plugin, name="wrong_actions", actor=WrongActions)
