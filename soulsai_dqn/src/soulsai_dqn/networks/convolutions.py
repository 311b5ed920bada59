"""The built-in encoders in torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

Shapes = Mapping[str, tuple[int, ...]]


class VectorEncoder(nn.Module):
    """Vectors, unchanged.

    Attributes:
        width: length of the result.
    """

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        (self.width,) = shapes["observation"]

    def forward(self, observations: Mapping[str, Tensor]) -> Tensor:
        return observations["observation"]


class ImageEncoder(nn.Module):
    """Convolutions over an image, scaled to -0.5 .. 0.5; a vector that is observed as well is appended to the result.

    With inputs of 0 .. 1 all weights of a filter would move in the same direction at each step (LeCun et al. 1998,
    Efficient BackProp, section 4.3): on Pong, four of five first filters gave only zeros after 3,000 gradient steps.

    Attributes:
        width: length of the result.
    """

    def __init__(self, shapes: Shapes, convolutions: nn.Module) -> None:
        super().__init__()
        self.convolutions = convolutions
        with torch.no_grad():
            pixels = convolutions(torch.zeros(1, *shapes["image"])).numel()  # measured, whatever they are
        self.width = pixels + sum(shapes.get("observation", ()))

    def forward(self, observations: Mapping[str, Tensor]) -> Tensor:
        # Channels last is the layout that convolutions compute in; otherwise each of them would convert its inputs.
        image = observations["image"].to(torch.float32, memory_format=torch.channels_last).div_(255).sub_(0.5)
        x = self.convolutions(image).flatten(1)
        return torch.cat([x, observations["observation"]], 1) if "observation" in observations else x


def nature(inputs: int, channels: Sequence[int], generator: torch.Generator) -> nn.Module:
    """The three convolutions of Mnih et al. 2015, Methods."""
    first, second, third = channels
    return nn.Sequential(
        _convolution(inputs, first, 8, 4, generator),
        nn.ReLU(),
        _convolution(first, second, 4, 2, generator),
        nn.ReLU(),
        _convolution(second, third, 3, 1, generator),
        nn.ReLU(),
    )


def impala(inputs: int, channels: Sequence[int], generator: torch.Generator) -> nn.Module:
    """The residual network of Espeholt et al. 2018, figure 3, right."""
    return nn.Sequential(*_stages(inputs, channels, generator), nn.ReLU())


def _stages(inputs: int, channels: Sequence[int], generator: torch.Generator) -> Iterator[nn.Module]:
    for count in channels:
        yield _convolution(inputs, count, 3, 1, generator, padding=1)
        yield nn.MaxPool2d(3, stride=2, padding=1)
        yield _Residual(count, generator)
        yield _Residual(count, generator)
        inputs = count


class _Residual(nn.Module):
    def __init__(self, channels: int, generator: torch.Generator) -> None:
        super().__init__()
        self.first = _convolution(channels, channels, 3, 1, generator, padding=1)
        self.second = _convolution(channels, channels, 3, 1, generator, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(torch.relu(self.first(torch.relu(x))))


def _convolution(
    inputs: int, outputs: int, size: int, stride: int, generator: torch.Generator, padding: int = 0
) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, size, stride, padding)
    bound = (inputs * size * size) ** -0.5
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    assert layer.bias is not None
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer
