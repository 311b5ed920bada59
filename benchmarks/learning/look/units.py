"""What the network's units do: dead and dormant ones, the rank of its features, the norms of its weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.learning.look.loading import LoadedRun
from soulsai_core import Arrays
from soulsai_dqn.networks.q_network import QNetwork

DORMANT = 0.025
"""A unit is dormant if its score is not above this."""

_RANK_SHARE = 0.99


@dataclass(frozen=True, slots=True)
class Layer:
    """The units of one hidden layer.

    Attributes:
        scores: (units,), the mean activation of each unit divided by the mean of all of the layer (Sokar et al. 2023,
            The Dormant Neuron Phenomenon in Deep Reinforcement Learning, section 3), in descending order.
    """

    name: str
    scores: np.ndarray

    @property
    def dead(self) -> float:
        """Share of units that are 0 for all rows."""
        return float((self.scores == 0).mean())

    @property
    def dormant(self) -> float:
        """Share of units with a score of at most `DORMANT`, dead ones included."""
        return float((self.scores <= DORMANT).mean())


@dataclass(frozen=True, slots=True)
class Units:
    """The hidden layers, and the features that the head reads.

    Attributes:
        singular: (k,), singular values of the features (rows, units), in descending order.
        rank: the least number of them that make up 99 % of their sum (Kumar et al. 2021, Implicit
            Under-Parameterization Inhibits Data-Efficient Deep Reinforcement Learning, section 3).
    """

    layers: list[Layer]
    singular: np.ndarray
    rank: int


@torch.no_grad()
def units_of(run: LoadedRun, features: Arrays) -> Units:
    """The units for these features (n, ...) of observations."""
    hidden = _hidden(run.network, run.tensors(features))
    layers = [layer_of(f"hidden layer {i + 1}", rows.numpy()) for i, rows in enumerate(hidden)]
    singular = np.linalg.svd(hidden[-1].double().numpy(), compute_uv=False)
    return Units(layers, singular, effective_rank(singular))


def effective_rank(singular: np.ndarray) -> int:
    """See `Units.rank`; 0 if all are 0."""
    total = singular.sum()
    return 0 if total == 0 else int(np.searchsorted(np.cumsum(singular), _RANK_SHARE * total) + 1)


def layer_of(name: str, rows: np.ndarray) -> Layer:
    """The scores of activations (n, units)."""
    means = np.abs(rows).mean(0, dtype=np.float64)
    mean = means.mean()
    return Layer(name, np.sort(means / mean if mean else means)[::-1])


def _hidden(network: QNetwork, observations: dict[str, Tensor]) -> list[Tensor]:
    """The activations (n, units) of each hidden layer, which are the inputs of the layer after it."""
    found: list[Tensor] = []

    def keep(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found.append(inputs[0].clone())

    hooks = [layer.register_forward_pre_hook(keep) for layer in network.dense[1:]]
    try:
        network(observations)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def norms_of(run: LoadedRun) -> dict[str, tuple[float, float]]:
    """Name -> Euclidean norm of each parameter with two or more axes, and of the same one in a fresh network."""
    fresh = dict(run.fresh.named_parameters())
    return {
        name: (float(weights.detach().norm()), float(fresh[name].detach().norm()))
        for name, weights in run.network.named_parameters()
        if weights.dim() > 1
    }


def target_distance(run: LoadedRun) -> float:
    """The norm of the difference of network and target network, divided by the network's."""
    ours = torch.cat([p.detach().reshape(-1) for p in run.trainer.network.parameters()])
    theirs = torch.cat([p.detach().reshape(-1) for p in run.trainer.target.parameters()])
    return float((ours - theirs).norm() / ours.norm())
