"""Which observations are images, and how convolutional networks take them."""

from __future__ import annotations

import numpy as np

from soulsai_core.errors import SpaceError
from soulsai_core.messages import ArraySpec

# Pixels: the three convolutions of Mnih et al. 2015 (8x8 stride 4, 4x4 stride 2, 3x3) leave at least one of these.
_SMALLEST = 36


def is_image(part: ArraySpec) -> bool:
    """Whether a part of an observation is an image: uint8 in three or four axes, or in two that are large enough."""
    if part.dtype != "uint8":
        return False
    return len(part.shape) in (3, 4) or (len(part.shape) == 2 and min(part.shape) >= _SMALLEST)


def channels_first(rows: np.ndarray) -> np.ndarray:
    """(n, H, W), (n, H, W, C), (n, C, H, W) or stacked (n, S, H, W, C) becomes (n, C, H, W). Of the first and the last
    axis of an image the smaller one is taken for its channels."""
    if rows.ndim == 3:
        return rows[:, None]
    if rows.ndim == 5:
        stacked = rows.transpose(0, 1, 4, 2, 3)
        return stacked.reshape(len(rows), stacked.shape[1] * stacked.shape[2], *stacked.shape[3:])
    return rows.transpose(0, 3, 1, 2) if rows.shape[3] < rows.shape[1] else rows


def image_shape(environment: str, part: ArraySpec) -> tuple[int, int, int]:
    """(channels, height, width) of an environment's image. Raises SpaceError if it is too small for the convolutions of
    Mnih et al. 2015."""
    # The rules are applied to an empty image, so that they are written down once.
    channels, height, width = channels_first(np.zeros((1, *part.shape), np.uint8)).shape[1:]
    if min(height, width) < _SMALLEST:
        raise SpaceError(
            f"{environment} observes images of {height} x {width} pixels; the convolutional networks need "
            f"{_SMALLEST} x {_SMALLEST} at least. The wrapper resize makes them larger."
        )
    return channels, height, width
