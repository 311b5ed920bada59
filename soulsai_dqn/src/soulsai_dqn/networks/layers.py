"""Dense layers: plain ones, and noisy ones that explore by themselves; and what dueling streams mean."""

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
    """A linear layer with factorized Gaussian noise on its parameters (Fortunato et al. 2018, section 3).

    Args:
        sigma: initial size of the noise, times 1/sqrt(inputs).

    Attributes:
        noise: its factors (inputs,) and (outputs,), always the same tensors; None before the first draw.
    """

    def __init__(self, inputs: int, outputs: int, sigma: float, generator: torch.Generator) -> None:
        super().__init__(inputs, outputs)
        bound = inputs**-0.5
        nn.init.uniform_(self.weight, -bound, bound, generator=generator)
        nn.init.uniform_(self.bias, -bound, bound, generator=generator)
        self.weight_sigma = nn.Parameter(torch.full_like(self.weight, sigma * bound))
        self.bias_sigma = nn.Parameter(torch.full_like(self.bias, sigma * bound))
        self.noise: tuple[Tensor, Tensor] | None = None

    @property
    def noise_size(self) -> int:
        """Numbers in one draw of noise."""
        return self.in_features + self.out_features

    def set_noise(self, noise: Tensor) -> None:
        """Use this noise (noise_size,) from now on."""
        # Copied into tensors that stay where they are: a CUDA graph reads them at the addresses that it has captured.
        if self.noise is None:
            self.noise = torch.zeros_like(self.weight[0]).detach(), torch.zeros_like(self.bias).detach()
        self.noise[0].copy_(noise[: self.in_features])
        self.noise[1].copy_(noise[self.in_features :])

    def forward(self, x: Tensor) -> Tensor:
        if self.noise is None:
            return functional.linear(x, self.weight, self.bias)
        # With noise outer(out, in) on the weights, (sigma * outer) x = out * (sigma (in * x)): the two factors are
        # applied to inputs and outputs, and no matrix of noise is ever made.
        noise_in, noise_out = self.noise
        noise = functional.linear(x * noise_in, self.weight_sigma, self.bias_sigma) * noise_out
        return functional.linear(x, self.weight, self.bias) + noise


def draw_noise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw new noise for every noisy layer of a network: sign(x) sqrt(|x|) of standard normal x."""
    layers = [module for module in network.modules() if isinstance(module, NoisyLinear)]
    sizes = [layer.noise_size for layer in layers]
    # One draw and one copy to the device for all layers. The generator is the CPU's, so that noise does not depend on
    # the device.
    x = torch.randn(sum(sizes), generator=generator)
    for layer, noise in zip(layers, (x.sign() * x.abs().sqrt_()).to(layers[0].weight.device).split(sizes), strict=True):
        layer.set_noise(noise)


def dueling(streams: Tensor) -> Tensor:
    """Value plus mean-subtracted advantages (Wang et al. 2016, equation 9), for each atom.

    Args:
        streams: (n, actions + 1, K), the advantages of all actions, then the value.

    Returns: (n, actions, K).
    """
    advantages = streams[:, :-1]
    value = streams[:, -1:]
    return value + advantages - advantages.mean(1, keepdim=True)
