"""From what an actor observes to the last layer before its outputs. Torch is imported only where there is an image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from soulsai_core import IMAGE, VECTOR, Arrays
from soulsai_ppo.networks.mlp import Perceptron

Encoder = Callable[[Arrays], np.ndarray]
"""Features become the policy's layer (n, width) before the outputs or the LSTM."""


def make_encoder(arrays: Arrays, activation: str) -> Encoder:
    """What these parameters are for: vectors, or images with or without a vector beside them."""
    if "dense.weight" in arrays:
        return _image_encoder(arrays)
    network = Perceptron(arrays, activation)
    return lambda observed: network.encode(observed[VECTOR])


def _image_encoder(arrays: Arrays) -> Encoder:
    import torch

    from soulsai_ppo.networks.torch_networks import encode_image

    torch.set_num_threads(1)
    tensors = {name: torch.tensor(a) for name, a in arrays.items() if name.startswith(("conv", "dense"))}

    def encode(observed: Arrays) -> np.ndarray:
        with torch.inference_mode():
            x = encode_image(tensors, torch.tensor(observed[IMAGE]), 0).numpy()
        return np.concatenate([x, observed[VECTOR]], axis=1) if VECTOR in observed else x

    return encode
