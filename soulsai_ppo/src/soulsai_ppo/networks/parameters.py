"""The networks' parameters: names, shapes and initial values, the same for numpy and torch.

Names: "hidden.<i>" are the layers for vectors, "conv.<i>" and "dense" those for images (Mnih et al. 2015). Each has a
leading axis of towers: that of the policy and that of the values, or the one that they share. Then come "lstm", if
there is one, and the outputs "policy" and "value". Matrices are (inputs, outputs).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from soulsai_core import Arrays, Features
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.networks.distributions import Distribution

Shapes = dict[str, tuple[int, ...]]

CONVOLUTIONS = ((32, 8, 4), (64, 4, 2), (64, 3, 1))
"""Channels, kernel and stride of each layer."""
_DENSE = 512  # width of the layer after the convolutions


class Parameters:
    """Named arrays that are views of one vector, so that an optimizer's step is a few calls for all of them.

    Attributes:
        vector: float32 (n,), all parameters.
        views: name -> array. Change them in place only.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        sizes = [int(np.prod(shape, dtype=np.int64)) for shape in shapes.values()]
        self.vector = np.zeros(sum(sizes), np.float32)
        ends = np.cumsum(sizes).tolist()
        self.views: Arrays = {
            name: self.vector[end - size : end].reshape(shape)
            for (name, shape), size, end in zip(shapes.items(), sizes, ends, strict=True)
        }

    def copy(self) -> Arrays:
        """A snapshot by name."""
        return {name: view.copy() for name, view in self.views.items()}

    def load(self, arrays: Arrays) -> None:
        """Copy values in. Raises KeyError or ValueError if they do not fit; nothing has changed then."""
        for name, view in self.views.items():
            if arrays[name].shape != view.shape:
                raise ValueError(f"{name} has shape {arrays[name].shape} instead of {view.shape}")
        for name, view in self.views.items():
            view[...] = arrays[name]


def shapes_of(config: PPOConfig, features: Features, distribution: Distribution) -> Shapes:
    """Names and shapes of all parameters."""
    shapes: Shapes = {}
    shared = config.shared if config.shared is not None else features.image is not None or config.lstm is not None
    towers = 1 if shared else 2
    if features.image is None:
        width = features.size
        for index, outputs in enumerate(config.hidden):
            _layer(shapes, f"hidden.{index}", (towers, width, outputs))
            width = outputs
    else:
        width = _image_layers(shapes, features.image, towers) + features.size
    if config.lstm is not None:
        shapes |= {"lstm.input": (width, 4 * config.lstm), "lstm.state": (config.lstm, 4 * config.lstm)}
        shapes |= {"lstm.bias": (4 * config.lstm,)}
        width = config.lstm
    shapes |= {"policy.weight": (width, distribution.size), "policy.bias": (distribution.size,)}
    return shapes | {"value.weight": (width, 1), "value.bias": (1,), "log_std": (distribution.parameters,)}


def _layer(shapes: Shapes, name: str, weight: tuple[int, int, int]) -> None:
    shapes[f"{name}.weight"] = weight
    shapes[f"{name}.bias"] = (weight[0], 1, weight[2])


def _image_layers(shapes: Shapes, image: tuple[int, int, int], towers: int) -> int:
    channels, height, width = image
    for index, (outputs, kernel, stride) in enumerate(CONVOLUTIONS):
        shapes[f"conv.{index}.weight"] = (towers, outputs, channels, kernel, kernel)
        shapes[f"conv.{index}.bias"] = (towers, outputs)
        channels = outputs
        height = (height - kernel) // stride + 1
        width = (width - kernel) // stride + 1
    _layer(shapes, "dense", (towers, channels * height * width, _DENSE))
    return _DENSE


def initialize(views: Arrays, config: PPOConfig, rng: np.random.Generator) -> None:
    """Set initial values [2, 23, 32].

    Weights are orthogonal with gain sqrt 2, or uniform as torch's; biases stay 0. Gains are 1 for values and LSTM, and
    0.01 for the policy's outputs: all actions are about equally likely at first.
    """
    gains = {"policy": 0.01, "value": 1.0, "lstm": 1.0}
    for name, view in views.items():
        if name == "log_std":
            view[...] = config.log_std
        elif not name.endswith("bias"):
            gain = gains.get(name.split(".")[0], 2**0.5)
            for tower in view if view.ndim > 2 else view[None]:
                tower[...] = _matrix(tower.shape, gain if config.orthogonal else None, rng)


def _matrix(shape: tuple[int, ...], gain: float | None, rng: np.random.Generator) -> np.ndarray:
    """A weight (inputs, outputs), or a convolution's (outputs, inputs, k, k). Uniform if gain is None."""
    convolution = len(shape) == 4
    inputs, outputs = (int(np.prod(shape[1:])), shape[0]) if convolution else shape
    drawn = _uniform(rng, inputs, outputs) if gain is None else _orthogonal(rng, inputs, outputs, gain)
    return drawn.T.reshape(shape) if convolution else drawn


def _orthogonal(rng: np.random.Generator, inputs: int, outputs: int, gain: float) -> np.ndarray:
    """float32 (inputs, outputs), orthogonal along the longer side (Saxe et al. 2014)."""
    normal = rng.standard_normal((max(inputs, outputs), min(inputs, outputs)))
    q, r = np.linalg.qr(normal)
    # LAPACK chooses the signs of r's diagonal. With all of them positive, q is uniform over orthogonal matrices.
    q *= np.sign(np.diag(r))
    return (gain * (q if inputs >= outputs else q.T)).astype(np.float32)


def _uniform(rng: np.random.Generator, inputs: int, outputs: int) -> np.ndarray:
    return rng.uniform(-(inputs**-0.5), inputs**-0.5, (inputs, outputs)).astype(np.float32)
