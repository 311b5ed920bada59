"""The policy as the actor uses it. Torch is imported only where there is an image to look at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from soulsai_core import Arrays
from soulsai_ppo.columns import STATE
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.features import IMAGE, VECTOR
from soulsai_ppo.mlp import Perceptron

Encoder = Callable[[Arrays, int], np.ndarray]
"""(observed, tower) -> the layer (n, width) before the outputs or the LSTM."""


class Policy(ABC):
    """Heads and values for the observations of one client's environments, in turn with what became of them."""

    @abstractmethod
    def load(self, arrays: Arrays) -> None:
        """Use these parameters from now on."""

    @abstractmethod
    def head(self, observed: Arrays) -> np.ndarray:
        """(n, outputs) for an observation of each environment."""

    @abstractmethod
    def value(self, observed: Arrays, which: np.ndarray) -> np.ndarray:
        """Values of what these of the rows last committed led to."""

    def commit(self, rows: np.ndarray, ended: np.ndarray) -> Arrays:
        """These environments (n,) carried out their last actions, and these of them ended. Returns further columns."""
        return {}

    def forget(self) -> None:  # noqa: B027 - there may be nothing to forget
        """All environments begin anew."""


def make_policy(config: PPOConfig) -> Policy:
    """With or without memory."""
    return FeedForwardPolicy(config.activation) if config.lstm is None else RecurrentPolicy(config)


class FeedForwardPolicy(Policy):
    """Sees the current observation only."""

    def __init__(self, activation: str) -> None:
        self._activation = activation

    def load(self, arrays: Arrays) -> None:
        self._encode = make_encoder(arrays, self._activation)
        self._outputs = Outputs(arrays)

    def head(self, observed: Arrays) -> np.ndarray:
        return self._outputs.head(self._encode(observed, 0))

    def value(self, observed: Arrays, which: np.ndarray) -> np.ndarray:
        return self._outputs.value(self._encode(observed, -1))


class RecurrentPolicy(Policy):
    """Remembers by an LSTM, whose state (n, 2 * width) is its output and its cell: 0 where an episode begins [33, 34].
    States move on with `commit` only, since not every action is carried out."""

    def __init__(self, config: PPOConfig) -> None:
        assert config.lstm is not None
        self._width, self._activation = config.lstm, config.activation
        self._before = self._after = self._moved = np.zeros((0, 2 * self._width), np.float32)

    def load(self, arrays: Arrays) -> None:
        self._encode = make_encoder(arrays, self._activation)
        self._input, self._state, self._bias = arrays["lstm.input"], arrays["lstm.state"], arrays["lstm.bias"]
        self._outputs = Outputs(arrays)

    def head(self, observed: Arrays) -> np.ndarray:
        count = len(next(iter(observed.values())))
        if len(self._before) != count:
            self._before = np.zeros((count, 2 * self._width), np.float32)
        self._after = self._advance(observed, self._before)
        return self._outputs.head(self._after[:, : self._width])

    def value(self, observed: Arrays, which: np.ndarray) -> np.ndarray:
        return self._outputs.value(self._advance(observed, self._moved[which])[:, : self._width])

    def commit(self, rows: np.ndarray, ended: np.ndarray) -> Arrays:
        before, self._moved = self._before[rows], self._after[rows]
        self._before[rows] = np.where(ended[:, None], np.float32(0), self._moved)
        return {STATE: before}

    def forget(self) -> None:
        self._before = np.zeros_like(self._before)

    def _advance(self, observed: Arrays, state: np.ndarray) -> np.ndarray:
        output, cell = np.split(state, 2, axis=1)
        gates = self._encode(observed, 0) @ self._input + output @ self._state + self._bias
        gate_in, forget, new, gate_out = np.split(gates, 4, axis=1)
        cell = _sigmoid(forget) * cell + _sigmoid(gate_in) * np.tanh(new)
        return np.concatenate([_sigmoid(gate_out) * np.tanh(cell), cell], axis=1)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (np.tanh(0.5 * x) + 1)


class Outputs:
    """The last layers of policy and values."""

    def __init__(self, arrays: Arrays) -> None:
        self._policy = arrays["policy.weight"], arrays["policy.bias"]
        self._value = arrays["value.weight"], arrays["value.bias"]

    def head(self, x: np.ndarray) -> np.ndarray:
        """(n, outputs) for the layer before (n, width)."""
        return x @ self._policy[0] + self._policy[1]

    def value(self, x: np.ndarray) -> np.ndarray:
        """(n,) for the layer before (n, width)."""
        return (x @ self._value[0])[:, 0] + self._value[1]


def make_encoder(arrays: Arrays, activation: str) -> Encoder:
    """What these parameters are for: vectors, or images with or without a vector beside them."""
    if "dense.weight" in arrays:
        return _image_encoder(arrays)
    network = Perceptron(arrays, activation)
    return lambda observed, tower: network.encode(observed[VECTOR], tower)


def _image_encoder(arrays: Arrays) -> Encoder:
    import torch

    from soulsai_ppo.networks import encode_image

    torch.set_num_threads(1)
    tensors = {name: torch.tensor(a) for name, a in arrays.items() if name.startswith(("conv", "dense"))}

    def encode(observed: Arrays, tower: int) -> np.ndarray:
        with torch.inference_mode():
            x = encode_image(tensors, torch.tensor(observed[IMAGE]), tower).numpy()
        return np.concatenate([x, observed[VECTOR]], axis=1) if VECTOR in observed else x

    return encode
