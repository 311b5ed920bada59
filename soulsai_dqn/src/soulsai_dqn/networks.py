"""Q-networks in torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class MLP(nn.Module):
    """A multilayer perceptron with ReLU between its layers: (n, sizes[0]) -> (n, sizes[-1]).

    Attributes:
        linears: its linear layers, the first first.
    """

    def __init__(self, sizes: Sequence[int], generator: torch.Generator) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.linears = [nn.Linear(a, b) for a, b in pairwise(sizes)]
        self.layers = nn.ModuleList(self.linears)
        for layer in self.linears:
            bound = layer.in_features**-0.5
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.linears
        for layer in hidden:
            x = torch.relu(layer(x))
        return last(x)


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
