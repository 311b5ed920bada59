"""R2D2's network in numpy, a step at a time."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from soulsai_core import Arrays
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.features import VECTOR
from soulsai_dqn.normalization import MEAN, normalized
from soulsai_dqn.policy import NumpyQ, dense_forward


class RecurrentPolicy(Protocol):
    """Weights that answer with Q-values, and remember."""

    def step(self, observations: Arrays, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Q-values (n, actions) and the state after, for name -> (n, *shape) and the state before (n, 2 * width)."""


class RecurrentQ:
    """Q-values and the next state of an LSTM.

    Args:
        arrays: as `RecurrentQNetwork` names them.
    """

    def __init__(self, arrays: Arrays, config: DQNConfig, actions: int) -> None:
        assert config.recurrent is not None
        depth = len(config.hidden)
        self._arrays, self._depth = arrays, depth
        self._layers = [(arrays[f"layers.{i}.weight"].T, arrays[f"layers.{i}.bias"]) for i in range(depth)]
        normed = range(depth if config.layer_norm else 0)
        self._norms = [(arrays[f"norms.{i}.weight"], arrays[f"norms.{i}.bias"]) for i in normed]
        self._inputs, self._state = arrays["lstm.weight_ih_l0"].T, arrays["lstm.weight_hh_l0"].T
        self._bias = arrays["lstm.bias_ih_l0"] + arrays["lstm.bias_hh_l0"]
        head = {f"layers.0.{part}": arrays[f"layers.{depth}.{part}"] for part in ("weight", "bias")}
        self._head = NumpyQ(head, config.model_copy(update={"hidden": (), "layer_norm": False}), actions)

    def step(self, observations: Arrays, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Q-values (n, actions) and the state after, for name -> (n, *shape) and the state before (n, 2 * width)."""
        observation = observations[VECTOR]
        x = normalized(observation, self._arrays) if MEAN in self._arrays else observation
        x = dense_forward(x, self._layers, self._norms)
        output, cell = np.split(state, 2, axis=1)
        gates = x @ self._inputs + output @ self._state + self._bias
        enter, forget, new, leave = np.split(gates, 4, axis=1)
        cell = _sigmoid(forget) * cell + _sigmoid(enter) * np.tanh(new)
        output = _sigmoid(leave) * np.tanh(cell)
        return self._head.many({"observation": output}), np.concatenate([output, cell], axis=1)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))
