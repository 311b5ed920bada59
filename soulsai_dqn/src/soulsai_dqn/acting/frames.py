"""Stacks of the newest images of each environment (Mnih et al. 2015, Methods), for acting."""

from __future__ import annotations

import numpy as np


class FrameStacks:
    """The newest images of each environment, of which an episode's first fills the stack.

    Args:
        stack: images in a stack.
    """

    def __init__(self, stack: int) -> None:
        self._stack = stack
        self._images = np.zeros(0, np.uint8)

    def after(self, frames: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Stacks uint8 (n, stack * channels, height, width), the newest last, once frames (n, channels, height, width)
        were seen, which begin an episode where bool (n,) says so. A new array each time."""
        if len(self._images) != len(frames) or starts.all():
            self._images = np.tile(frames, (1, self._stack, 1, 1))
        else:
            self._images = np.concatenate([self._images[:, frames.shape[1] :], frames], 1)
            self._images[starts] = np.tile(frames[starts], (1, self._stack, 1, 1))
        return self._images
