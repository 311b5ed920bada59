"""Dense layers: plain ones, and noisy ones that explore by themselves."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def dense(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer, uniform within 1/sqrt(inputs)."""
    layer = nn.Linear(inputs, outputs)
    bound = inputs**-0.5
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer


class NoisyLinear(nn.Linear):
    """A linear layer with factorised Gaussian noise on its parameters (Fortunato et al. 2018, section 3).

    Args:
        sigma: initial size of the noise, times 1/sqrt(inputs).
    """

    def __init__(self, inputs: int, outputs: int, sigma: float, generator: torch.Generator) -> None:
        super().__init__(inputs, outputs)
        bound = inputs**-0.5
        nn.init.uniform_(self.weight, -bound, bound, generator=generator)
        nn.init.uniform_(self.bias, -bound, bound, generator=generator)
        self.weight_sigma = nn.Parameter(torch.full_like(self.weight, sigma * bound))
        self.bias_sigma = nn.Parameter(torch.full_like(self.bias, sigma * bound))
        self._noise: tuple[Tensor, Tensor] | None = None

    def draw_noise(self, generator: torch.Generator) -> None:
        """Another noise from now on, in the same place; before the first there is none."""
        outputs, inputs = self.weight.shape
        drawn = _scaled_noise(inputs, generator), _scaled_noise(outputs, generator)
        if self._noise is None:
            self._noise = drawn[0].to(self.weight.device), drawn[1].to(self.weight.device)
        else:
            self._noise[0].copy_(drawn[0])
            self._noise[1].copy_(drawn[1])

    def forward(self, x: Tensor) -> Tensor:
        if self._noise is None:
            return functional.linear(x, self.weight, self.bias)
        noise_in, noise_out = self._noise
        noise = functional.linear(x * noise_in, self.weight_sigma, self.bias_sigma) * noise_out
        return functional.linear(x, self.weight, self.bias) + noise


def _scaled_noise(size: int, generator: torch.Generator) -> Tensor:
    """sign(x) sqrt(|x|) of standard normal x (size,)."""
    x = torch.randn(size, generator=generator)
    return x.sign() * x.abs().sqrt()


def draw_noise(network: nn.Module, generator: torch.Generator) -> None:
    """Another noise for every noisy layer of a network."""
    for module in network.modules():
        if isinstance(module, NoisyLinear):
            module.draw_noise(generator)
