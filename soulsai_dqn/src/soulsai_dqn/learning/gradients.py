"""Two ways to the gradient of the Q-learning loss: autograd for any network, and one written out for dense networks.

Both write the gradient into the parameters' `.grad` and agree up to rounding. The second takes about half the time: for
networks this small autograd spends most of it on its own bookkeeping.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from soulsai_dqn.learning.dense_gradient import DensePass
from soulsai_dqn.learning.targets import atoms_of, bootstrap_actions
from soulsai_dqn.networks.heads import Head
from soulsai_dqn.networks.q_network import QNetwork

Batch = Mapping[str, Tensor]
"""A minibatch of n rows: the columns of a draw from the replay buffer as tensors; with "weight" (n,) if prioritized."""


class Outcome(NamedTuple):
    """For a minibatch of n rows: atoms (n, K) of the actions taken, and their targets (n, K)."""

    chosen: Tensor
    target: Tensor


class Gradient(ABC):
    """Computes the gradient of the mean loss over a minibatch."""

    @abstractmethod
    def __call__(self, batch: Batch) -> Outcome:
        """Write the gradient into every parameter's `.grad`."""


def observed(batch: Batch, prefix: str = "") -> dict[str, Tensor]:
    """The observations of a minibatch; with the prefix "next_" those to bootstrap from."""
    return {name: batch[prefix + name] for name in ("observation", "image") if prefix + name in batch}


def zero_gradients(network: torch.nn.Module) -> None:
    """Set all gradients to 0 in place: they are views of one vector, which `zero_grad()` would let go of."""
    for parameter in network.parameters():
        if parameter.grad is not None:
            parameter.grad.zero_()


class AutogradGradient(Gradient):
    """For any pair of networks.

    Args:
        double: the online network chooses the bootstrap action, else the target network.
    """

    def __init__(self, network: QNetwork, target: QNetwork, head: Head, *, double: bool) -> None:
        self._network = network
        self._target = target
        self._head = head
        self._double = double

    def __call__(self, batch: Batch) -> Outcome:
        target = self._targets(batch)
        chosen = atoms_of(self._network(observed(batch)), batch["action"].long().unsqueeze(1))
        loss = self._head.loss(chosen, target)
        zero_gradients(self._network)
        (loss * batch["weight"] if "weight" in batch else loss).mean().backward()
        return Outcome(chosen.detach(), target)

    @torch.no_grad()
    def _targets(self, batch: Batch) -> Tensor:
        following = observed(batch, "next_")
        atoms = self._target(following)
        chooser = self._network(following) if self._double else atoms
        best = bootstrap_actions(self._head.values(chooser), batch.get("next_mask"))
        return self._head.target(batch["reward"], batch["discount"], atoms_of(atoms, best))


class DenseGradient(Gradient):
    """For a pair of networks of dense layers alone, on the CPU, and for minibatches of one size.

    Args: as AutogradGradient's, and
        batch_size: transitions in a minibatch.
    """

    def __init__(self, network: QNetwork, target: QNetwork, head: Head, *, batch_size: int, double: bool) -> None:
        self._n = batch_size
        self._head = head
        self._double = double
        rows = 2 * batch_size if double else batch_size
        self._inputs = torch.empty(rows, network.inputs)
        self._online = DensePass(network, rows, batch_size)
        self._bootstrap = DensePass(target, batch_size, 0)

    @torch.no_grad()
    def __call__(self, batch: Batch) -> Outcome:
        n = self._n
        head = self._head
        action = batch["action"].long().unsqueeze(1)
        following = batch["next_observation"]
        mask = batch.get("next_mask")
        atoms = self._bootstrap.atoms(self._bootstrap.hidden(following))
        self._inputs[:n] = batch["observation"]
        if self._double:
            # The online network sees both observations in one pass, which costs less than two of half the size. Only
            # the first half is needed for the way back.
            self._inputs[n:] = following
        hidden = self._online.hidden(self._inputs)
        chooser = self._online.preferences(hidden[n:], head) if self._double else head.values(atoms)
        best = atoms_of(atoms, bootstrap_actions(chooser, mask))
        target = head.target(batch["reward"], batch["discount"], best)
        chosen = atoms_of(self._online.atoms(hidden[:n]), action)
        slope = head.slope(chosen, target).div_(n)
        if "weight" in batch:
            slope *= batch["weight"].unsqueeze(1)
        self._online.backward(self._inputs[:n], action, slope)
        return Outcome(chosen, target)
