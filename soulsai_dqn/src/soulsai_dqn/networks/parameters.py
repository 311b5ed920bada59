"""The parameters of networks: as one vector, as arrays by name, and averaged."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from soulsai_core import Arrays


def flatten_parameters(network: nn.Module) -> nn.Parameter:
    """Make all parameters and their gradients views of one vector, and return that vector.

    An optimizer's step and a moving average are then a few calls each, instead of a few for each layer.
    """
    flat = nn.Parameter(torch.cat([p.detach().reshape(-1) for p in network.parameters()]))
    flat.grad = torch.zeros_like(flat)
    offset = 0
    for parameter in network.parameters():
        end = offset + parameter.numel()
        parameter.data = flat.data[offset:end].view_as(parameter)
        parameter.grad = flat.grad[offset:end].view_as(parameter)
        offset = end
    return flat


class PolyakAverage:
    """Moves one network toward another of the same form, running statistics and other buffers included.

    Args:
        network: the one that moves; it is never trained.
        source: the network that it moves toward.
        source_parameters: the parameters of `source` as one vector.
    """

    def __init__(self, network: nn.Module, source: nn.Module, source_parameters: nn.Parameter) -> None:
        network.eval()
        self._parameters = flatten_parameters(network)
        self._source_parameters = source_parameters
        self._buffers = list(zip(network.buffers(), source.buffers(), strict=True))

    @torch.no_grad()
    def move(self, share: float) -> None:
        """Move this share of the way: 1 makes a copy."""
        self._parameters.data.lerp_(self._source_parameters.data, share)
        for buffer, source in self._buffers:
            if buffer.is_floating_point():
                buffer.lerp_(source, share)
            else:  # a counter, for example
                buffer.copy_(source)


def arrays_of(network: nn.Module) -> Arrays:
    """A copy of parameters and buffers by name."""
    return {name: np.array(tensor.detach().cpu().numpy()) for name, tensor in network.state_dict().items()}


def load_arrays(network: nn.Module, arrays: Arrays) -> None:
    """Set parameters and buffers by name. Raises ValueError where names or shapes differ."""
    here = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    for name in sorted(here.keys() | arrays.keys()):
        there = arrays[name].shape if name in arrays else None
        if there != here.get(name):
            raise ValueError(f"{name} has shape {there} in it and {here.get(name)} here; set the network as it was")
    network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
