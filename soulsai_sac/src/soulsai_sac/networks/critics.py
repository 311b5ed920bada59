"""The twin critics (Fujimoto et al. 2018, TD3)."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from soulsai_sac.networks.layers import Dense

_TWINS = (2,)


class Critics(nn.Module):
    """Two critics at once, so that each matrix product is one call."""

    def __init__(
        self, inputs: int, hidden: tuple[int, ...], actions: int, layer_norm: bool, generator: torch.Generator
    ) -> None:
        super().__init__()
        widths = (inputs + actions, *hidden)
        self.layers = nn.ModuleList(Dense(a, b, generator, _TWINS) for a, b in itertools.pairwise(widths))
        self._norm = layer_norm
        self.head = Dense(widths[-1], 1, generator, _TWINS)

    def forward(self, observation: Tensor, action: Tensor) -> Tensor:
        """Values (2, n) of actions (n, actions) at observations (n, inputs)."""
        x = torch.cat([observation, action], dim=-1).expand(2, -1, -1)
        for layer in self.layers:
            x = layer(x)
            x = (nn.functional.layer_norm(x, x.shape[-1:]) if self._norm else x).relu()
        return self.head(x).squeeze(-1)
