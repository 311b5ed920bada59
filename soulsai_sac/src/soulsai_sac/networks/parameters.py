"""The parameters of networks as arrays by name."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from soulsai_core import Arrays


def arrays_of(network: nn.Module) -> Arrays:
    """A copy of the parameters by name."""
    return {name: np.array(tensor.detach().numpy()) for name, tensor in network.state_dict().items()}


def load_arrays(network: nn.Module, arrays: Arrays) -> None:
    """Set the parameters by name. Raises KeyError or ValueError where names or shapes differ."""
    tensors = network.state_dict()
    for name, tensor in tensors.items():
        if tensor.shape != arrays[name].shape:
            raise ValueError(f"a network has the shape {arrays[name].shape} there and {tuple(tensor.shape)} here")
    for name, tensor in tensors.items():
        tensor.copy_(torch.from_numpy(np.array(arrays[name])))
