"""The policy's convolutions in torch, for clients that observe images."""

from __future__ import annotations

import numpy as np
import torch

from soulsai_core import IMAGE, VECTOR, Arrays
from soulsai_ppo.networks.torch_networks import encode_image

_POLICY = 0
"""The policy's tower; it is the only one where policy and values share their layers."""


class TorchEncoder:
    """Images to vectors; a vector that is observed as well is appended.

    Args:
        arrays: as `parameters.shapes_of` names them.
    """

    def __init__(self, arrays: Arrays) -> None:
        torch.set_num_threads(1)  # several clients share a machine
        self._tensors = {name: torch.tensor(a) for name, a in arrays.items() if name.startswith(("conv", "dense"))}

    def __call__(self, observed: Arrays) -> np.ndarray:
        with torch.inference_mode():
            x = encode_image(self._tensors, torch.tensor(observed[IMAGE]), _POLICY).numpy()
        return np.concatenate([x, observed[VECTOR]], axis=1) if VECTOR in observed else x
