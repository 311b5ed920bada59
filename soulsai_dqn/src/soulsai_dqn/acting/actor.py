"""DQN's actor. It needs torch only for images and for networks of third parties."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel

from soulsai_core import (
    IMAGE,
    VECTOR,
    Actor,
    Arrays,
    EnvSpec,
    Features,
    Weights,
    mask_invalid,
    normalized,
)
from soulsai_dqn.acting.exploration import Explorer, random_action
from soulsai_dqn.acting.frames import FrameStacks
from soulsai_dqn.acting.memory import Memory
from soulsai_dqn.acting.numpy_policy import NoisyQ, NumpyQ, Policy, RecurrentPolicy
from soulsai_dqn.acting.recurrent_policy import RecurrentQ
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.networks.encoders import chosen_network, mlp
from soulsai_dqn.spaces import BEST, CLIP, MEAN, SCALE, VALUE, number_of_actions


class DQNActor(Actor):
    """Explores around the Q-values of the newest weights. Stacks of frames and the LSTM's state change in `act` only.

    Args:
        explore: False always takes the valid action with the largest value.
    """

    def __init__(self, config: DQNConfig, spec: EnvSpec, rng: np.random.Generator, explore: bool) -> None:
        self._config = config
        self._rng = rng
        self._features = Features(spec, config.frame_stack)
        self._actions = number_of_actions(spec)
        self._encoder = chosen_network(config.network, self._features)
        self._explorer = Explorer(config, rng, explore=explore)
        self._noise = rng if explore and config.exploration == "noisy" else None
        self._stacks = None if config.frame_stack is None else FrameStacks(config.frame_stack)
        self._memory = None if config.recurrent is None else Memory(config.recurrent, self._actions)
        self._sends_values = config.prioritized is not None
        self._simple = self._stacks is None and self._memory is None and not config.normalize
        self._simple &= not self._sends_values and config.exploration != "boltzmann"
        self._policy: Any = None  # a Policy; a RecurrentPolicy with an LSTM
        self._scales: tuple[np.ndarray, np.ndarray] | None = None
        self._prepared: tuple[Arrays, Any] | None = None

    def change(self, config: BaseModel) -> None:
        assert isinstance(config, DQNConfig)
        self._config = config
        self._explorer.change(config)

    def index_assigned(self, index: int) -> None:
        self._explorer.index_assigned(index)

    def prepare(self, weights: Weights) -> None:
        self._prepared = weights.arrays, self._make_policy(weights.arrays)

    def load(self, weights: Weights) -> None:
        prepared = self._prepared
        self._prepared = None
        # Newer weights than the prepared ones may have come since; then those are prepared here.
        if prepared is not None and prepared[0] is weights.arrays:
            self._policy = prepared[1]
        else:
            self._policy = self._make_policy(weights.arrays)
        self._scales = (weights.arrays[MEAN], weights.arrays[SCALE]) if MEAN in weights.arrays else None
        self._explorer.advance(weights.env_steps)

    def _make_policy(self, arrays: Arrays) -> Policy | RecurrentPolicy:
        config = self._config
        actions = self._actions
        arrays = {name: array for name, array in arrays.items() if name not in (MEAN, SCALE)}
        if self._encoder is not mlp:
            from soulsai_dqn.acting.torch_policy import TorchQ

            return TorchQ(arrays, config, self._features, actions, self._noise, self._encoder)
        if config.recurrent is not None:
            return RecurrentQ(arrays, config, actions, self._noise)
        return NoisyQ(arrays, config, actions, self._noise) if config.noisy else NumpyQ(arrays, config, actions)

    def act(self, observations: Arrays, masks: np.ndarray | None, starts: np.ndarray) -> tuple[np.ndarray, Arrays]:
        if self._policy is None:
            raise RuntimeError("act was called before load")
        x = self._features.of(observations)
        # A shortcut for one fast environment, where the general way below would take longer than the network itself.
        if self._simple and masks is None and len(starts) == 1:
            if self._rng.random() < self._explorer.epsilon:
                return np.array([random_action(self._rng, None, self._actions)], np.int64), {}
            return self._policy.one(x).argmax(axis=0, keepdims=True), {}
        x = self._network_inputs(x, starts)
        if self._memory is None:
            values = self._policy.one(x)[None] if len(starts) == 1 else self._policy.many(x)
            actions = self._explorer.actions(values, masks)
            own = {}
        else:
            values, lstm = self._policy.step(x, self._memory.before(starts))
            actions = self._explorer.actions(values, masks)
            own = self._memory.after(lstm, actions)
        if self._sends_values:
            own[VALUE] = values[np.arange(len(values)), actions]
            own[BEST] = mask_invalid(values, masks).max(1)
        return actions, own

    def _network_inputs(self, x: Arrays, starts: np.ndarray) -> Arrays:
        """Features with stacks of images and normalized vectors, where those are configured."""
        if self._stacks is not None:
            x = {**x, IMAGE: self._stacks.push(x[IMAGE], starts)}
        if self._scales is not None:
            x = {**x, VECTOR: normalized(x[VECTOR], *self._scales, CLIP)}
        return x

    def metrics(self) -> dict[str, float]:
        return self._explorer.metrics()
