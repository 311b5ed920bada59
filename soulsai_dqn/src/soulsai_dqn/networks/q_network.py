"""The Q-network: an encoder chosen by name, dense layers, and a head; and its parameters as one vector."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from soulsai_core import Features
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.learning.targets import dueling
from soulsai_dqn.networks.convolutions import VectorEncoder
from soulsai_dqn.networks.encoders import make_encoder
from soulsai_dqn.networks.layers import NoisyLinear, dense


class QNetwork(nn.Module):
    """Observations -> atoms (n, actions, K).

    With dueling, the last layer gives the advantages of all actions and then the value, both from the same hidden
    layers (as Dopamine's Rainbow does).

    Attributes:
        encoder: observations -> (n, features).
        inputs: features of the encoder.
        dense: the layers that follow, the last one being the head.
        dense_norms: a layer norm for each of them but the last, or none.
        streams: actions, and one more with dueling.
    """

    def __init__(
        self,
        config: DQNConfig,
        features: Features,
        actions: int,
        atoms: int,
        generator: torch.Generator,
        *,
        head_inputs: int | None = None,
    ) -> None:
        super().__init__()
        self.actions = actions
        self.atoms = atoms
        self.dueling = config.dueling
        self.streams = actions + config.dueling
        self.encoder = make_encoder(config.network, features, generator)
        self.inputs = int(self.encoder.width)
        sizes = list(pairwise((self.inputs, *config.hidden, self.streams * atoms)))
        sizes[-1] = (head_inputs or sizes[-1][0], sizes[-1][1])
        self.dense: list[nn.Linear] = [
            NoisyLinear(a, b, config.noisy_sigma, generator) if config.noisy else dense(a, b, generator)
            for a, b in sizes
        ]
        self.dense_norms = [nn.LayerNorm(size) for size in config.hidden if config.layer_norm]
        self.layers = nn.ModuleList(self.dense)
        self.norms = nn.ModuleList(self.dense_norms)

    @property
    def dense_only(self) -> bool:
        """There is nothing in it but dense layers."""
        return isinstance(self.encoder, VectorEncoder)

    def forward(self, observations: Mapping[str, Tensor]) -> Tensor:
        return self.combined(self.dense[-1](self._hidden(observations)))

    def _hidden(self, observations: Mapping[str, Tensor]) -> Tensor:
        x = self.encoder(observations)
        for i, layer in enumerate(self.dense[:-1]):
            x = layer(x)
            x = torch.relu(self.dense_norms[i](x) if self.dense_norms else x)
        return x

    def combined(self, outputs: Tensor) -> Tensor:
        """What the last layer's outputs (n, streams * K) say of each action."""
        streams = outputs.view(len(outputs), self.streams, self.atoms)
        return dueling(streams) if self.dueling else streams


def flatten_parameters(network: nn.Module) -> nn.Parameter:
    """Make all parameters and their gradients views of one vector, so that optimizer and target average are one call
    each. Returns that vector."""
    flat = nn.Parameter(torch.cat([p.detach().reshape(-1) for p in network.parameters()]))
    flat.grad = torch.zeros_like(flat)
    offset = 0
    for parameter in network.parameters():
        end = offset + parameter.numel()
        parameter.data = flat.data[offset:end].view_as(parameter)
        parameter.grad = flat.grad[offset:end].view_as(parameter)
        offset = end
    return flat


class Follower:
    """A network that moves towards another of its kind, running statistics and other buffers included, and that is only
    used, never trained.

    Args:
        network: the one that moves.
        leader, leading: the other, and its parameters as one vector.
    """

    def __init__(self, network: nn.Module, leader: nn.Module, leading: nn.Parameter) -> None:
        network.eval()
        self._flat = flatten_parameters(network)
        self._leading = leading
        self._buffers = list(zip(network.buffers(), leader.buffers(), strict=True))

    @torch.no_grad()
    def follow(self, share: float) -> None:
        """Go this share of the way, 1 being all of it."""
        self._flat.data.lerp_(self._leading.data, share)
        for buffer, leading in self._buffers:
            if buffer.is_floating_point():
                buffer.lerp_(leading, share)
            else:
                buffer.copy_(leading)
