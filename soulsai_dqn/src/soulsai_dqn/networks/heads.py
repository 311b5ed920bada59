"""How the network's outputs represent an action's return: its mean, its quantiles, or a distribution over fixed values.

A head reads K numbers ("atoms") for each action. All of it is pure: tensors in, tensors out, n rows at a time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional

from soulsai_dqn.config import DQNConfig
from soulsai_dqn.networks.rescaling import rescaled, unrescaled


class Head(ABC):
    """What K numbers for each action say of its return, and their loss against a target.

    Attributes:
        atoms: K.
        linear: `values` is the mean of the atoms.
        rescaling: epsilon of the scale on which values are learned (see `rescaling`); None learns them unscaled.
    """

    atoms: int
    linear: bool
    rescaling: float | None = None

    @abstractmethod
    def values(self, atoms: Tensor) -> Tensor:
        """Expected returns (...) for atoms (..., K)."""

    @abstractmethod
    def target(self, reward: Tensor, discount: Tensor, following: Tensor) -> Tensor:
        """The target (n, K) of the chosen action's atoms: reward (n,) + discount (n,) * the return with the atoms
        `following` (n, K). `discount` is 0 where the episode terminated."""

    def _backed_up(self, reward: Tensor, discount: Tensor, following: Tensor) -> Tensor:
        """reward (n,) + discount (n,) * returns (n, K) or (K,). Returns and result are on the scale of values, rewards
        are not: h(r + discount h^-1(x)) (Pohlen et al. 2018, section 3.2)."""
        returns = torch.addcmul(reward.unsqueeze(1), discount.unsqueeze(1), unrescaled(following, self.rescaling))
        return rescaled(returns, self.rescaling)

    @abstractmethod
    def loss(self, chosen: Tensor, target: Tensor) -> Tensor:
        """Loss (n,) of atoms (n, K) against a `target` (n, K)."""

    @abstractmethod
    def slope(self, chosen: Tensor, target: Tensor) -> Tensor:
        """The derivative (n, K) of each row's loss by its `chosen` atoms, in closed form."""

    def target_values(self, target: Tensor) -> Tensor:
        """Expected returns (n,) of a `target` (n, K), which need not have the form of atoms."""
        return self.values(target)


class ScalarHead(Head):
    """The mean: Q-learning (Mnih et al. 2015).

    Args:
        loss: "huber" with threshold 1, or "mse" as half the squared error, which is the same near 0.
    """

    atoms = 1
    linear = True

    def __init__(self, loss: str) -> None:
        self._huber = loss == "huber"

    def values(self, atoms: Tensor) -> Tensor:
        return atoms.squeeze(-1)

    def target(self, reward: Tensor, discount: Tensor, following: Tensor) -> Tensor:
        return self._backed_up(reward, discount, following)

    def loss(self, chosen: Tensor, target: Tensor) -> Tensor:
        if self._huber:
            return functional.huber_loss(chosen, target, reduction="none").squeeze(1)
        return 0.5 * (chosen - target).square().squeeze(1)

    def slope(self, chosen: Tensor, target: Tensor) -> Tensor:
        error = chosen - target
        return error.clamp_(-1.0, 1.0) if self._huber else error


class QuantileHead(Head):
    """K quantiles at the midpoints (i + 1/2) / K, by the quantile Huber loss with threshold 1 (Dabney et al. 2018,
    equations 9 and 10): the sum over predicted quantiles i of the mean over target quantiles j."""

    linear = True

    def __init__(self, quantiles: int, device: torch.device) -> None:
        self.atoms = quantiles
        self._midpoints = ((torch.arange(quantiles, dtype=torch.float32) + 0.5) / quantiles).to(device)

    def values(self, atoms: Tensor) -> Tensor:
        return atoms.mean(-1)

    def target(self, reward: Tensor, discount: Tensor, following: Tensor) -> Tensor:
        return self._backed_up(reward, discount, following)

    def loss(self, chosen: Tensor, target: Tensor) -> Tensor:
        error = target.unsqueeze(1) - chosen.unsqueeze(2)  # (n, predicted i, target j)
        # |midpoint - 1[error < 0]|: a quantile above most targets is pulled down in proportion to 1 - its midpoint.
        weight = (self._midpoints.view(-1, 1) - (error.detach() < 0).to(error.dtype)).abs()
        huber = functional.huber_loss(error, torch.zeros_like(error), reduction="none")
        return (weight * huber).mean(2).sum(1)

    def slope(self, chosen: Tensor, target: Tensor) -> Tensor:
        """-(τ_i A + (1 - τ_i) B) / K, where A sums the positive and B the negative errors over j, cut to [-1, 1]."""
        # (n, j, i), transposed against `loss`: the sum over j then adds whole rows, which are contiguous in memory.
        error = (target.unsqueeze(2) - chosen.unsqueeze(1)).clamp_(-1.0, 1.0)
        both = error.sum(1)  # before relu_, which changes `error` in place
        above = error.relu_().sum(1)
        below = both.sub_(above)
        return below.addcmul_(self._midpoints, above - below).div_(-self.atoms)


class CategoricalHead(Head):
    """A distribution over K values between two bounds, given by logits (Bellemare et al. 2017, C51).

    Args:
        low, high: the least and the greatest return.
    """

    linear = False

    def __init__(self, atoms: int, low: float, high: float, device: torch.device) -> None:
        self.atoms = atoms
        self._low = low
        self._high = high
        self._step = (high - low) / (atoms - 1)
        self._support = torch.linspace(low, high, atoms, device=device)

    def values(self, atoms: Tensor) -> Tensor:
        return atoms.softmax(-1) @ self._support

    def target_values(self, target: Tensor) -> Tensor:
        return target @ self._support

    def target(self, reward: Tensor, discount: Tensor, following: Tensor) -> Tensor:
        """The distribution of `reward + discount * support`, projected onto the support: each probability is shared by
        the two neighbors of its value, in proportion to closeness (algorithm 1)."""
        moved = self._backed_up(reward, discount, self._support).clamp_(self._low, self._high)
        # Division may round the highest value to just above the last index, where floor() would lead out of range.
        position = moved.sub_(self._low).div_(self._step).clamp_(max=self.atoms - 1)
        below = position.floor()
        probabilities = following.softmax(1)
        index = below.long()
        # The lower neighbor gets what the upper one does not. With the paper's two products, a value that lies exactly
        # on the support (upper = lower neighbor) would lose its probability.
        above = probabilities * (position - below)
        shared = torch.zeros_like(probabilities).scatter_add_(1, index, probabilities - above)
        return shared.scatter_add_(1, index.add_(1).clamp_(max=self.atoms - 1), above)

    def loss(self, chosen: Tensor, target: Tensor) -> Tensor:
        return -(target * chosen.log_softmax(1)).sum(1)

    def slope(self, chosen: Tensor, target: Tensor) -> Tensor:
        return chosen.softmax(1).sub_(target)


def make_head(config: DQNConfig, device: torch.device | None = None) -> Head:
    """The configured head."""
    head = _plain_head(config, device or torch.device("cpu"))
    head.rescaling = config.value_rescaling
    return head


def _plain_head(config: DQNConfig, device: torch.device) -> Head:
    if config.head == "scalar":
        return ScalarHead(config.loss)
    if config.head == "quantile":
        return QuantileHead(config.atoms, device)
    return CategoricalHead(config.atoms, config.value_low, config.value_high, device)
