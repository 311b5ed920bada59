"""The Q-network: an encoder chosen by name, dense layers, and a head."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from soulsai_core import Features, NetworkPlugin
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.networks.convolutions import VectorEncoder
from soulsai_dqn.networks.encoders import make_encoder
from soulsai_dqn.networks.layers import NoisyLinear, dense, dueling


class QNetwork(nn.Module):
    """Observations -> atoms (n, actions, K).

    With dueling, the last layer computes the advantages of all actions and then the value, both from the same hidden
    layers (as Dopamine's Rainbow does).

    Args:
        atoms: K.
        plugin: the encoder's; None looks for it.
        head_inputs: width of what the last layer gets, where that is not the last hidden layer.

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
        plugin: NetworkPlugin | None = None,
        head_inputs: int | None = None,
    ) -> None:
        super().__init__()
        self.actions = actions
        self.atoms = atoms
        self.dueling = config.dueling
        self.streams = actions + config.dueling
        self.encoder = make_encoder(config.network, features, generator, plugin)
        self.inputs = int(self.encoder.width)
        sizes = list(pairwise((self.inputs, *config.hidden, self.streams * atoms)))
        sizes[-1] = (head_inputs or sizes[-1][0], sizes[-1][1])
        # Plain lists in addition to the ModuleLists, since each slice of a ModuleList would make a new module.
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
        """The atoms (n, actions, K) for the last layer's outputs (n, streams * K)."""
        streams = outputs.view(len(outputs), self.streams, self.atoms)
        return dueling(streams) if self.dueling else streams
