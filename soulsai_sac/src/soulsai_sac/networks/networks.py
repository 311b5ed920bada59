"""The policy and the critics. All randomness comes from a generator."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from soulsai_sac.acting.actor import LOG_STD


class Dense(nn.Module):
    """x @ weight + bias, of `copies` networks at once where that is not ()."""

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator, copies: tuple[int, ...] = ()) -> None:
        super().__init__()
        bound = 1 / math.sqrt(max(inputs, 1))
        weight = torch.empty(*copies, inputs, outputs)
        bias = torch.empty(*copies, *copies and (1,), outputs)
        self.weight = nn.Parameter(weight.uniform_(-bound, bound, generator=generator))
        self.bias = nn.Parameter(bias.uniform_(-bound, bound, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        """(*copies, n, inputs) -> (*copies, n, outputs)."""
        return x @ self.weight + self.bias


class Policy(nn.Module):
    """A Gaussian squashed by tanh (Haarnoja et al. 2018, appendix C)."""

    def __init__(self, inputs: int, hidden: tuple[int, ...], actions: int, generator: torch.Generator) -> None:
        super().__init__()
        widths = itertools.pairwise((inputs, *hidden, 2 * actions))
        self.layers = nn.ModuleList(Dense(a, b, generator) for a, b in widths)

    def forward(self, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Actions (n, actions) within -1 .. 1, drawn for float32 (n, inputs), and their logarithmic density (n,)."""
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        mean, spread = self.layers[-1](x).chunk(2, dim=-1)
        low, high = LOG_STD
        log_std = low + (high - low) / 2 * (spread.tanh() + 1)
        noise = torch.randn(mean.shape, generator=generator)
        raw = mean + log_std.exp() * noise
        log_density = -0.5 * noise * noise - log_std - 0.5 * math.log(2 * math.pi)
        log_slope = 2 * (math.log(2) - raw - nn.functional.softplus(-2 * raw))  # of tanh, without cancellation
        return raw.tanh(), (log_density - log_slope).sum(-1)


class Critics(nn.Module):
    """Two critics at once, so that each matrix product is one call."""

    def __init__(
        self, inputs: int, hidden: tuple[int, ...], actions: int, layer_norm: bool, generator: torch.Generator
    ) -> None:
        super().__init__()
        widths = (inputs + actions, *hidden)
        self.layers = nn.ModuleList(Dense(a, b, generator, (2,)) for a, b in itertools.pairwise(widths))
        self._norm = layer_norm
        self.head = Dense(widths[-1], 1, generator, (2,))

    def forward(self, observation: Tensor, action: Tensor) -> Tensor:
        """Values (2, n) of actions (n, actions) at observations (n, inputs)."""
        x = torch.cat([observation, action], dim=-1).expand(2, -1, -1)
        for layer in self.layers:
            x = layer(x)
            x = (nn.functional.layer_norm(x, x.shape[-1:]) if self._norm else x).relu()
        return self.head(x).squeeze(-1)
