"""Policy and values as multilayer perceptrons in numpy, with their gradient written out.

For the small networks and minibatches of PPO this is several times as fast as automatic differentiation, and clients
and training node need no torch. Policy and values are two towers of the same shapes, which are multiplied in one call;
with shared layers there is one tower.
"""

from __future__ import annotations

import numpy as np

from soulsai_core import VECTOR, Arrays
from soulsai_ppo.networks.model import Model
from soulsai_ppo.networks.parameters import Shapes


class Perceptron:
    """Forward and backward through parameters. Tower 0 is the policy's, the last one the values'.

    Args:
        arrays: named as by `parameters.shapes_of`. They are not copied, so that later changes in place take effect.
    """

    def __init__(self, arrays: Arrays, activation: str) -> None:
        layers = sum(name.startswith("hidden.") and name.endswith(".weight") for name in arrays)
        self._hidden = [(arrays[f"hidden.{i}.weight"], arrays[f"hidden.{i}.bias"]) for i in range(layers)]
        self._policy = arrays["policy.weight"], arrays["policy.bias"]
        self._value = arrays["value.weight"], arrays["value.bias"]
        self._tanh = activation == "tanh"

    def encode(self, x: np.ndarray) -> np.ndarray:
        """The policy's last hidden layer (n, width)."""
        for weight, bias in self._hidden:
            x = self._activated(x @ weight[0] + bias[0])
        return x

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        """The policy's head (n, outputs), values (n,), and the activations that `backward` needs."""
        activations = [x[None]]  # (1, n, features) is broadcast over the towers (towers, n, width)
        for weight, bias in self._hidden:
            z = np.matmul(activations[-1], weight)
            z += bias
            activations.append(self._activated(z))
        last = activations[-1]
        head = last[0] @ self._policy[0]
        head += self._policy[1]
        return head, (last[-1] @ self._value[0])[:, 0] + self._value[1], activations

    def backward(
        self, activations: list[np.ndarray], by_head: np.ndarray, by_value: np.ndarray, gradient: Arrays
    ) -> None:
        """Write the derivatives by all parameters but log_std into `gradient`, given those by the outputs."""
        last = activations[-1]
        by_value = by_value[:, None]
        np.matmul(last[0].T, by_head, out=gradient["policy.weight"])
        np.sum(by_head, axis=0, out=gradient["policy.bias"])
        np.matmul(last[-1].T, by_value, out=gradient["value.weight"])
        np.sum(by_value, axis=0, out=gradient["value.bias"])
        if not self._hidden:
            return
        # The derivative by the last hidden layer. With one shared tower, delta[0] is delta[-1], and both parts add up.
        delta = np.empty_like(last)
        np.matmul(by_value, self._value[0].T, out=delta[-1])
        if len(delta) == 1:
            delta[0] += by_head @ self._policy[0].T
        else:
            np.matmul(by_head, self._policy[0].T, out=delta[0])
        # Sums over rows as products with ones: BLAS is quicker here than a reduction over the middle axis.
        ones = np.ones((1, len(by_head)), np.float32)
        for index in range(len(self._hidden) - 1, -1, -1):
            below = activations[index]
            self._through_activation(delta, activations[index + 1])
            np.matmul(below.transpose(0, 2, 1), delta, out=gradient[f"hidden.{index}.weight"])
            np.matmul(ones, delta, out=gradient[f"hidden.{index}.bias"])
            if index:
                delta = np.matmul(delta, self._hidden[index][0].transpose(0, 2, 1))

    def _activated(self, z: np.ndarray) -> np.ndarray:
        return np.tanh(z, out=z) if self._tanh else np.maximum(z, 0, out=z)

    def _through_activation(self, delta: np.ndarray, activation: np.ndarray) -> None:
        """Multiply `delta` by the activation's derivative, in place. Overwrites `activation`, which is not needed
        again: the layer below has its own."""
        if self._tanh:
            np.multiply(activation, activation, out=activation)
            np.subtract(1, activation, out=activation)
            delta *= activation
        else:
            delta *= activation > 0


class NumpyModel(Model):
    """A `Perceptron` for training."""

    def __init__(self, shapes: Shapes, activation: str) -> None:
        super().__init__(shapes)
        self._network = Perceptron(self.parameters.views, activation)
        self._activations: list[np.ndarray] = []

    def forward(self, rows: Arrays, lengths: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        head, value, self._activations = self._network.forward(rows[VECTOR])
        return head, value

    def backward(self, by_head: np.ndarray, by_value: np.ndarray, by_log_std: np.ndarray) -> None:
        self._network.backward(self._activations, by_head, by_value, self.gradient.views)
        self.gradient.views["log_std"][...] = by_log_std
