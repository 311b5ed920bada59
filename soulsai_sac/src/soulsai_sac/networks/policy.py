"""The policy. All randomness comes from a generator."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from soulsai_sac.networks.deviation import LOG_STD_HIGH, LOG_STD_LOW
from soulsai_sac.networks.layers import Dense


class Policy(nn.Module):
    """A Gaussian squashed by tanh (Haarnoja et al. 2018, appendix C)."""

    def __init__(self, inputs: int, hidden: tuple[int, ...], actions: int, generator: torch.Generator) -> None:
        super().__init__()
        widths = itertools.pairwise((inputs, *hidden, 2 * actions))
        self.layers = nn.ModuleList(Dense(a, b, generator) for a, b in widths)

    def forward(self, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Actions (n, actions) within -1 .. 1, drawn for float32 (n, inputs), and their log-density (n,)."""
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        mean, spread = self.layers[-1](x).chunk(2, dim=-1)
        log_std = LOG_STD_LOW + (LOG_STD_HIGH - LOG_STD_LOW) / 2 * (spread.tanh() + 1)
        noise = torch.randn(mean.shape, generator=generator)
        raw = mean + log_std.exp() * noise
        log_density = -0.5 * noise * noise - log_std - 0.5 * math.log(2 * math.pi)
        # log(1 - tanh(raw)^2), by which squashing divides the density. In this form nothing cancels for large |raw|,
        # where 1 - tanh^2 would be 0 in float32.
        log_slope = 2 * (math.log(2) - raw - nn.functional.softplus(-2 * raw))
        return raw.tanh(), (log_density - log_slope).sum(-1)
