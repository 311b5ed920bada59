"""Two ways to the gradient of the Q-learning loss: autograd for any network, and one written out for a plain MLP.

Both leave the gradient in the parameters' `.grad` and agree to rounding; the second takes about half the time, because
for networks this small most of autograd's time is its own bookkeeping.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from soulsai_dqn.networks import MLP
from soulsai_dqn.targets import bootstrap_actions, q_target, td_loss


class Outcome(NamedTuple):
    """Of one minibatch of n: Q-values (n,) of the actions taken, and their targets (n,)."""

    chosen: Tensor
    target: Tensor


class AutogradGradient:
    """For any pair of networks (n, features) -> (n, actions).

    Args:
        double: the online network chooses the bootstrap action, else the target network does.
        loss: "huber" or "mse".
    """

    def __init__(self, network: nn.Module, target: nn.Module, *, double: bool, loss: str) -> None:
        self._network = network
        self._target = target
        self._double = double
        self._loss = loss

    def __call__(self, batch: Mapping[str, Tensor]) -> Outcome:
        """Set the gradient of the mean loss over a minibatch (columns of DQN's samples as tensors)."""
        target = self._targets(batch)
        chosen = self._network(batch["observation"]).gather(1, batch["action"].long().unsqueeze(1)).squeeze(1)
        for parameter in self._network.parameters():
            if parameter.grad is not None:
                parameter.grad.zero_()
        td_loss(chosen, target, self._loss).backward()
        return Outcome(chosen.detach(), target)

    @torch.no_grad()
    def _targets(self, batch: Mapping[str, Tensor]) -> Tensor:
        following = batch["next_observation"]
        values = self._target(following)
        chooser = self._network(following) if self._double else values
        actions = bootstrap_actions(chooser, batch.get("next_mask"))
        return q_target(batch["reward"], batch["discount"], values, actions)


class MLPGradient:
    """For a pair of `MLP`s whose parameters have `.grad`s to write into; minibatches of one size only.

    Args: as AutogradGradient's, and
        batch_size: transitions in a minibatch.
    """

    def __init__(self, network: MLP, target: MLP, *, batch_size: int, double: bool, loss: str) -> None:
        self._batch_size = batch_size
        self._double = double
        self._loss = loss
        self._inputs = torch.empty(2 * batch_size if double else batch_size, network.sizes[0])
        self._online = _Pass(network, len(self._inputs), batch_size)
        self._bootstrap = _Pass(target, batch_size, 0)

    @torch.no_grad()
    def __call__(self, batch: Mapping[str, Tensor]) -> Outcome:
        """Set the gradient of the mean loss over a minibatch (columns of DQN's samples as tensors)."""
        n, action = self._batch_size, batch["action"].long().unsqueeze(1)
        values = self._bootstrap.forward(batch["next_observation"])
        self._inputs[:n] = batch["observation"]
        if self._double:  # one pass over both observations
            self._inputs[n:] = batch["next_observation"]
        online = self._online.forward(self._inputs)
        best = bootstrap_actions(online[n:] if self._double else values, batch.get("next_mask"))
        target = q_target(batch["reward"], batch["discount"], values, best)
        chosen = online[:n].gather(1, action).squeeze(1)
        error = chosen - target
        if self._loss == "huber":
            error.clamp_(-1.0, 1.0)
        self._online.backward(self._inputs[:n], action, (error / n).unsqueeze(1))
        return Outcome(chosen, target)


class _Pass:
    """Forward through an MLP for `rows` rows, and backward for the first `used` of them, in buffers that are kept."""

    def __init__(self, network: MLP, rows: int, used: int) -> None:
        self._layers = [(layer.weight, layer.bias) for layer in network.linears]
        self._outputs = [torch.empty(rows, size) for size in network.sizes[1:]]
        self._deltas = [torch.empty(used, size) for size in network.sizes[1:]]
        self._used = used

    def forward(self, x: Tensor) -> Tensor:
        last = len(self._layers) - 1
        for i, (weight, bias) in enumerate(self._layers):
            x = torch.addmm(bias, x, weight.t(), out=self._outputs[i])
            if i < last:
                x.relu_()
        return x

    def backward(self, x: Tensor, action: Tensor, error: Tensor) -> None:
        """Write the gradients, where the loss has derivative `error` (used, 1) by output `action` (used, 1)."""
        delta = self._deltas[-1].zero_().scatter_(1, action, error)
        for i in reversed(range(len(self._layers))):
            weight, bias = self._layers[i]
            assert weight.grad is not None and bias.grad is not None
            below = self._outputs[i - 1][: self._used] if i else x
            torch.mm(delta.t(), below, out=weight.grad)
            torch.sum(delta, 0, out=bias.grad)
            if i:  # through the ReLU, whose output is positive exactly where its input was
                through = torch.mm(delta, weight, out=self._deltas[i - 1])
                delta = torch.ops.aten.threshold_backward.grad_input(through, below, 0, grad_input=through)
