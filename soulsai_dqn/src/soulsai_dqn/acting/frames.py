"""Stacks of the newest images of each environment (Mnih et al. 2015, Methods), for acting."""

from __future__ import annotations

import numpy as np


class FrameStacks:
    """The newest images of each environment. The first image of an episode fills its stack.

    Args:
        stack: images in a stack.
    """

    def __init__(self, stack: int) -> None:
        self._stack = stack
        self._images = np.zeros(0, np.uint8)

    def push(self, frames: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Add the newest images.

        Args:
            frames: uint8 (n, channels, height, width).
            starts: bool (n,), an episode begins with this image.

        Returns: the stacks uint8 (n, stack * channels, height, width), the newest image last. A new array each time.
        """
        if len(self._images) != len(frames) or starts.all():
            self._images = np.tile(frames, (1, self._stack, 1, 1))
        else:
            self._images = np.concatenate([self._images[:, frames.shape[1] :], frames], 1)
            self._images[starts] = np.tile(frames[starts], (1, self._stack, 1, 1))
        return self._images
