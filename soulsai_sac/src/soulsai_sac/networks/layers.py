"""Dense layers, of one network or of several at once."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Dense(nn.Module):
    """x @ weight + bias.

    Args:
        copies: (k,) for k networks at once, which are multiplied in one call; () for one.
    """

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator, copies: tuple[int, ...] = ()) -> None:
        super().__init__()
        bound = 1 / math.sqrt(max(inputs, 1))
        weight = torch.empty(*copies, inputs, outputs)
        bias = torch.empty(*copies, *copies and (1,), outputs)  # (k, 1, outputs), for rows in between; (outputs,) alone
        self.weight = nn.Parameter(weight.uniform_(-bound, bound, generator=generator))
        self.bias = nn.Parameter(bias.uniform_(-bound, bound, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        """(*copies, n, inputs) -> (*copies, n, outputs)."""
        return x @ self.weight + self.bias
