"""The policy's network in numpy, from observations to its last layer. Torch is imported only for images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from soulsai_core import VECTOR, Arrays
from soulsai_ppo.networks.mlp import Perceptron

Encoder = Callable[[Arrays], np.ndarray]
"""From name -> features (n, *shape) to the layer (n, width) before the outputs or the LSTM."""


def make_encoder(arrays: Arrays, activation: str) -> Encoder:
    """The encoder with these parameters: for vectors, or for images with or without a vector."""
    if "dense.weight" in arrays:
        from soulsai_ppo.acting.torch_policy import TorchEncoder

        return TorchEncoder(arrays)
    network = Perceptron(arrays, activation)
    return lambda observed: network.encode(observed[VECTOR])
