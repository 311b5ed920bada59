"""Forward and backward through the dense layers of a Q-network, written out, in buffers that are kept.

This is the node's hottest path on a CPU. Everything that allocates or decides is done in the constructor; a pass is a
fixed sequence of BLAS calls and in-place kernels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from soulsai_dqn.networks.heads import Head
from soulsai_dqn.networks.layers import NoisyLinear
from soulsai_dqn.networks.q_network import QNetwork

_EPSILON = 1e-5  # torch's default of layer norm


class _Layer:
    """The parameters of a dense layer as a pass uses them, and where their gradients are written."""

    def __init__(self, layer: nn.Linear) -> None:
        # Views of the flat vector of all parameters: the optimizer's steps show in them.
        self.weight = layer.weight.detach()
        self.bias = layer.bias.detach()
        self.by_weight = layer.weight.grad
        self.by_bias = layer.bias.grad

    def refresh(self) -> None:
        """Take in what has changed; called before a pass."""

    def finish(self) -> None:
        """Called after `by_weight` and `by_bias` were written."""


class _NoisyLayer(_Layer):
    """A noisy layer. All rows share one noise, so it is added to the parameters once, and a pass is that of a plain
    layer."""

    def __init__(self, layer: NoisyLinear) -> None:
        super().__init__(layer)
        self._layer = layer
        self._mean = self.weight
        self._mean_bias = self.bias
        self._sigma = layer.weight_sigma.detach()
        self._sigma_bias = layer.bias_sigma.detach()
        self.weight = self._mean.clone()
        self.bias = self._mean_bias.clone()
        self._noise = torch.zeros_like(self.weight)
        self._noise_bias = torch.zeros_like(self.bias)

    def refresh(self) -> None:
        if self._layer.noise is not None:
            inputs, self._noise_bias = self._layer.noise
            torch.outer(self._noise_bias, inputs, out=self._noise)
        torch.addcmul(self._mean, self._sigma, self._noise, out=self.weight)
        torch.addcmul(self._mean_bias, self._sigma_bias, self._noise_bias, out=self.bias)

    def finish(self) -> None:
        # weight = mean + sigma * noise: the derivative by the mean is that by the weight, and is there already.
        assert self.by_weight is not None and self.by_bias is not None
        torch.mul(self.by_weight, self._noise, out=self._layer.weight_sigma.grad)
        torch.mul(self.by_bias, self._noise_bias, out=self._layer.bias_sigma.grad)


def _layer_of(layer: nn.Linear) -> _Layer:
    return _NoisyLayer(layer) if isinstance(layer, NoisyLinear) else _Layer(layer)


class DensePass:
    """Forward for `rows` rows, and backward for the first `used` of them.

    Args:
        network: its parameters need `.grad`s to write into, if there are rows in use.
    """

    def __init__(self, network: QNetwork, rows: int, used: int) -> None:
        self._network = network
        self._layers = [_layer_of(layer) for layer in network.dense]
        self._hidden = self._layers[:-1]
        self._last = self._layers[-1]
        self._norms = [(norm.weight.detach(), norm.bias.detach()) for norm in network.dense_norms]
        self._norm_gradients = [(norm.weight.grad, norm.bias.grad) for norm in network.dense_norms]
        # The way back needs the inputs of a layer norm, so that it has an output of its own. Without one, ReLU works in
        # place, and sums and outputs are the same tensors.
        self._sums = [torch.empty(rows, len(layer.bias)) for layer in self._hidden]
        self._outputs = [torch.empty_like(sums) for sums in self._sums] if self._norms else self._sums
        self._moments = [(torch.empty(rows, 1), torch.empty(rows, 1)) for _ in self._hidden]  # mean, 1 / deviation
        self._deltas = [torch.empty(used, len(layer.bias)) for layer in self._hidden]
        self._head_delta = torch.zeros(used, network.streams, network.atoms)
        self._used = used

    def hidden(self, x: Tensor) -> Tensor:
        """The last hidden layer (rows, width) for inputs (rows, features). Each pass begins with this call."""
        for layer in self._layers:
            layer.refresh()
        for i, layer in enumerate(self._hidden):
            torch.addmm(layer.bias, x, layer.weight.t(), out=self._sums[i])
            x = self._outputs[i]
            if self._norms:
                torch.ops.aten.native_layer_norm.out(
                    self._sums[i], layer.bias.shape, *self._norms[i], _EPSILON,
                    out0=x, out1=self._moments[i][0], out2=self._moments[i][1],
                )  # fmt: skip
            x.relu_()
        return x

    def atoms(self, hidden: Tensor) -> Tensor:
        """Atoms (n, actions, K) for the last hidden layer's (n, width)."""
        return self._network.combined(torch.addmm(self._last.bias, hidden, self._last.weight.t()))

    def preferences(self, hidden: Tensor, head: Head) -> Tensor:
        """Numbers (n, actions) whose largest is that of the action with the largest expected return."""
        if not head.linear:
            return head.values(self.atoms(hidden))
        # The expected return is a mean of atoms, so the mean is taken of the weights, once instead of for each row.
        # Value and mean advantage are the same for all actions of a row and leave the order as it is.
        weight = self._last.weight
        bias = self._last.bias
        if head.atoms > 1:
            streams = self._network.streams
            weight = weight.view(streams, head.atoms, -1).mean(1)
            bias = bias.view(streams, head.atoms).mean(1)
        actions = self._network.actions
        return torch.addmm(bias[:actions], hidden, weight[:actions].t())

    def backward(self, x: Tensor, action: Tensor, slope: Tensor) -> None:
        """Write the gradients of all parameters.

        Args:
            x: (used, features), the inputs.
            action: (used, 1).
            slope: (used, K), the derivative of the loss by the atoms of `action`.
        """
        delta = self._by_outputs(action, slope)
        for i, layer in reversed(list(enumerate(self._layers))):
            below = self._outputs[i - 1][: self._used] if i else x
            if i < len(self._hidden) and self._norms:
                delta = self._through_norm(i, delta)
            torch.mm(delta.t(), below, out=layer.by_weight)
            torch.sum(delta, 0, out=layer.by_bias)
            layer.finish()
            if i:  # through the ReLU, whose output is positive exactly where its input was
                through = torch.mm(delta, layer.weight, out=self._deltas[i - 1])
                delta = torch.ops.aten.threshold_backward.grad_input(through, below, 0, grad_input=through)

    def _by_outputs(self, action: Tensor, slope: Tensor) -> Tensor:
        """The derivative (used, streams * K) of the loss by the last layer's outputs."""
        delta = self._head_delta
        actions = self._network.actions
        index = action.unsqueeze(2).expand(-1, -1, slope.shape[1])
        if self._network.dueling:
            # Q(a) = V + A(a) - mean A: by every advantage -1 / actions, by that of the action 1 more, by the value 1.
            delta[:, :actions] = (slope / -actions).unsqueeze(1)
            delta[:, actions] = slope
            delta.scatter_add_(1, index, slope.unsqueeze(1))
        else:
            delta.zero_().scatter_(1, index, slope.unsqueeze(1))
        return delta.view(self._used, -1)

    def _through_norm(self, i: int, delta: Tensor) -> Tensor:
        mean, deviation = self._moments[i]
        sums = self._sums[i]
        delta, by_scale, by_shift = torch.ops.aten.native_layer_norm_backward(
            delta, sums[: self._used], sums.shape[1:], mean[: self._used], deviation[: self._used],
            *self._norms[i], (True, True, True),
        )  # fmt: skip
        scale, shift = self._norm_gradients[i]
        assert scale is not None and shift is not None
        scale.copy_(by_scale)
        shift.copy_(by_shift)
        return delta
