"""The Q-network in numpy: for one observation at a time it is several times as fast as torch, and needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from soulsai_core import VECTOR, Arrays
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.networks.noise import NoisyDense

_ZERO = np.zeros((), np.float32)  # an array: numpy would convert a Python number at each call
_EPSILON = 1e-5  # torch's default of layer norm


class Policy(Protocol):
    """A network that computes Q-values."""

    def one(self, observations: Arrays) -> np.ndarray:
        """Q-values (actions,) for name -> (1, *shape)."""

    def many(self, observations: Arrays) -> np.ndarray:
        """Q-values (n, actions) for name -> (n, *shape)."""


class RecurrentPolicy(Protocol):
    """A network that computes Q-values from observations and the state of an LSTM."""

    def step(self, observations: Arrays, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Q-values (n, actions) and the LSTM's state after (n, 2 * width), for name -> (n, *shape) and the state
        before, as `spaces.state_size` tells."""


class NumpyQ:
    """Q-values of a network of dense layers. `one` computes in buffers of its own: not for several threads at once.

    What is linear after the last hidden layer (dueling streams, the mean of quantiles) is folded into the last layer
    when the weights are loaded, so that such networks act as fast as a plain one.

    Args:
        arrays: "layers.<i>.weight" (out, in) and "layers.<i>.bias" (out,), float32, for i from 0; "norms.<i>.weight"
            and "norms.<i>.bias" for all but the last layer, or none; as `QNetwork` names them.
        actions: number of actions.
    """

    def __init__(self, arrays: Arrays, config: DQNConfig, actions: int) -> None:
        depth = len(config.hidden) + 1
        dense = [(arrays[f"layers.{i}.weight"], arrays[f"layers.{i}.bias"]) for i in range(depth)]
        # The softmax of a categorical head is not linear, so that nothing can be folded in front of it.
        self._expected = _expected_values(config, actions) if config.head == "categorical" else None
        if self._expected is None:
            dense[-1] = _folded(*dense[-1], config, actions)
        self._norms = norms_of(arrays, config)
        # Each layer is one matrix (in + 1, out) with the bias as its last row, for inputs that end in 1: one call
        # instead of two, which counts where a product takes about a microsecond.
        self._layers = [np.ascontiguousarray(np.vstack([weight.T, bias])) for weight, bias in dense]
        if self._norms:  # subtracting the mean is linear: done once here instead of for each observation
            for matrix in self._layers[:-1]:
                matrix -= matrix.mean(axis=1, keepdims=True)
        # The inputs of each layer, for `one`. A layer's output is written into the next one's, in front of the 1.
        inputs = [np.ones(len(matrix), np.float32) for matrix in self._layers]
        without_one = [row[:-1] for row in inputs]
        self._first = without_one[0]
        self._hidden = [
            (row.dot, matrix, output)
            for row, matrix, output in zip(inputs, self._layers, without_one[1:], strict=False)
        ]
        self._last = inputs[-1]
        self._factor = np.zeros((), np.float32)

    def one(self, observations: Arrays) -> np.ndarray:
        """Q-values (actions,) for one observation, name -> (1, *shape)."""
        self._first[:] = observations[VECTOR][0]
        if self._norms:
            for (dot, matrix, output), (scale, shift) in zip(self._hidden, self._norms, strict=True):
                dot(matrix, output)
                _normalize_centered(output, scale, shift, self._factor)
                np.maximum(output, _ZERO, out=output)
        else:
            for dot, matrix, output in self._hidden:
                dot(matrix, output)
                np.maximum(output, _ZERO, out=output)
        outputs = self._last.dot(self._layers[-1])
        return outputs if self._expected is None else self._expected(outputs[None])[0]

    def many(self, observations: Arrays) -> np.ndarray:
        """Q-values (n, actions) for observations name -> (n, *shape)."""
        x = observations[VECTOR]
        x = dense_forward(x, [(matrix[:-1], matrix[-1]) for matrix in self._layers[:-1]], self._norms)
        outputs = x @ self._layers[-1][:-1] + self._layers[-1][-1]
        return outputs if self._expected is None else self._expected(outputs)


class NoisyQ:
    """Q-values of a network of noisy layers. Nothing is folded, since each output has its own noise.

    Args: as NumpyQ's, and
        rng: for the noise; None acts without noise.
    """

    def __init__(self, arrays: Arrays, config: DQNConfig, actions: int, rng: np.random.Generator | None) -> None:
        depth = len(config.hidden) + 1
        self._layers = [NoisyDense(arrays, f"layers.{i}", rng) for i in range(depth)]
        self._norms = norms_of(arrays, config)
        self._expected = _expected_values(config, actions)

    def one(self, observations: Arrays) -> np.ndarray:
        """Q-values (actions,) for one observation, name -> (1, *shape)."""
        return self.many(observations)[0]

    def many(self, observations: Arrays) -> np.ndarray:
        """Q-values (n, actions) for observations name -> (n, *shape)."""
        x = noisy_forward(observations[VECTOR], self._layers[:-1], self._norms)
        return self._expected(self._layers[-1](x))


def norms_of(arrays: Arrays, config: DQNConfig) -> list[tuple[np.ndarray, np.ndarray]]:
    """Scale and shift (width,) of the layer norm in each hidden layer; empty without layer norm."""
    normed = range(len(config.hidden) if config.layer_norm else 0)
    return [(arrays[f"norms.{i}.weight"], arrays[f"norms.{i}.bias"]) for i in normed]


def dense_forward(
    x: np.ndarray,
    layers: Sequence[tuple[np.ndarray, np.ndarray]],
    norms: Sequence[tuple[np.ndarray, np.ndarray]],
) -> np.ndarray:
    """The output of hidden layers with weights (in, out) and biases (out,), and with layer norms if there are any."""
    for i, (weight, bias) in enumerate(layers):
        x = x @ weight
        x += bias
        if norms:
            x = _normalized(x, *norms[i])
        np.maximum(x, _ZERO, out=x)
    return x


def noisy_forward(
    x: np.ndarray, layers: Sequence[NoisyDense], norms: Sequence[tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """The same for noisy hidden layers."""
    for i, layer in enumerate(layers):
        x = layer(x)
        x = np.maximum(_normalized(x, *norms[i]) if norms else x, _ZERO)
    return x


def _normalize_centered(x: np.ndarray, scale: np.ndarray, shift: np.ndarray, factor: np.ndarray) -> None:
    """Layer norm in place of (width,) with mean 0. `factor` () is a buffer: numpy would make an array of a number at
    each call, which takes as long as the product."""
    factor[()] = (float(x.dot(x)) / len(x) + _EPSILON) ** -0.5
    x *= factor
    x *= scale
    x += shift


def _normalized(x: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Layer norm of (n, width)."""
    x = x - x.mean(1, keepdims=True)
    x *= (np.square(x).mean(1, keepdims=True) + np.float32(_EPSILON)) ** np.float32(-0.5)
    x *= scale
    x += shift
    return x


def _folded(weight: np.ndarray, bias: np.ndarray, config: DQNConfig, actions: int) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of a last layer whose outputs are the Q-values (actions,)."""
    streams = actions + config.dueling
    weight = weight.reshape(streams, -1, weight.shape[1]).mean(1)
    bias = bias.reshape(streams, -1).mean(1)
    return (_dueling(weight), _dueling(bias)) if config.dueling else (weight, bias)


def _dueling(streams: np.ndarray) -> np.ndarray:
    """Value plus mean-subtracted advantages along the first axis, which ends with the value."""
    return streams[:-1] - streams[:-1].mean(0) + streams[-1]


def _expected_values(config: DQNConfig, actions: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function from the last layer's outputs (n, streams * K) to Q-values (n, actions)."""
    atoms = 1 if config.head == "scalar" else config.atoms
    support = np.linspace(config.value_low, config.value_high, config.atoms, dtype=np.float32)

    def expected(outputs: np.ndarray) -> np.ndarray:
        streams = outputs.reshape(len(outputs), actions + config.dueling, atoms)
        of_actions = np.moveaxis(_dueling(np.moveaxis(streams, 1, 0)), 0, 1) if config.dueling else streams
        if config.head != "categorical":
            return of_actions.mean(2)
        share = np.exp(of_actions - of_actions.max(2, keepdims=True))  # less the largest, so that none overflows
        return (share @ support) / share.sum(2)

    return expected
