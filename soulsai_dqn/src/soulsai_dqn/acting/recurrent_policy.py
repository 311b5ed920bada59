"""R2D2's network in numpy, one step at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from soulsai_core import VECTOR, Arrays, lstm_step
from soulsai_dqn.acting.numpy_policy import NoisyQ, NumpyQ, Policy, dense_forward, noisy_forward, norms_of
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.networks.noise import NoisyDense


class RecurrentQ:
    """Q-values and the next state of an LSTM.

    Args:
        arrays: as `RecurrentQNetwork` names them.
        rng: for the noise of noisy layers; None acts without noise.
    """

    def __init__(self, arrays: Arrays, config: DQNConfig, actions: int, rng: np.random.Generator | None) -> None:
        depth = len(config.hidden)
        self._hidden = _hidden(arrays, config, rng)
        self._inputs = arrays["lstm.weight_ih_l0"].T
        self._recurrent = arrays["lstm.weight_hh_l0"].T
        self._bias = arrays["lstm.bias_ih_l0"] + arrays["lstm.bias_hh_l0"]  # torch has two, which are only added
        # What follows the LSTM is a Q-network without hidden layers, and is computed by the policy for those.
        before = f"layers.{depth}."
        last = "layers.0."
        head = {last + name.removeprefix(before): array for name, array in arrays.items() if name.startswith(before)}
        alone = config.model_copy(update={"hidden": (), "layer_norm": False})
        self._head: Policy = NoisyQ(head, alone, actions, rng) if config.noisy else NumpyQ(head, alone, actions)

    def step(self, observations: Arrays, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Q-values (n, actions) and the LSTM's state after (n, 2 * width), for name -> (n, *shape) and the state
        before, as `spaces.state_size` tells."""
        memory, previous = np.split(state, [2 * len(self._recurrent)], axis=1)
        x = np.concatenate([self._hidden(observations[VECTOR]), previous], axis=1)
        state = lstm_step(x, memory, self._inputs, self._recurrent, self._bias)
        return self._head.many({VECTOR: state[:, : state.shape[1] // 2]}), state


def _hidden(arrays: Arrays, config: DQNConfig, rng: np.random.Generator | None) -> Callable[[np.ndarray], np.ndarray]:
    """The layers before the LSTM: a function from (n, features) to (n, width)."""
    depth = len(config.hidden)
    norms = norms_of(arrays, config)
    if config.noisy:
        noisy = [NoisyDense(arrays, f"layers.{i}", rng) for i in range(depth)]
        return lambda x: noisy_forward(x, noisy, norms)
    layers = [(arrays[f"layers.{i}.weight"].T, arrays[f"layers.{i}.bias"]) for i in range(depth)]
    return lambda x: dense_forward(x, layers, norms)
