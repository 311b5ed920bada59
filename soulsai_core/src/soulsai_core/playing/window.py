"""Shows the pictures of an environment in a window."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from soulsai_core.errors import SoulsAIError


class Window:
    """A window of the size of the first picture, which shows each for its time.

    Args:
        title: of the window.
        fps: pictures per second.

    Attributes:
        closed: whether the user has closed it.

    Raises SoulsAIError without pygame or without a screen.
    """

    def __init__(self, title: str, fps: float) -> None:
        try:
            import pygame
        except ImportError as error:
            raise SoulsAIError('A window needs pygame: pip install "soulsai-core[play]"') from error
        self.closed = False
        self._pygame: Any = pygame
        self._title = title
        self._fps = fps
        self._screen: Any = None
        self._clock: Any = None

    def show(self, picture: np.ndarray) -> None:
        """Show a picture, uint8 (height, width, 3), and wait until it is time for the next."""
        pygame = self._pygame
        size = (picture.shape[1], picture.shape[0])
        if self._screen is None:
            self._open(size)
        for event in pygame.event.get():
            pressed = event.type == pygame.KEYDOWN and event.key in (pygame.K_ESCAPE, pygame.K_q)
            self.closed = self.closed or pressed or event.type == pygame.QUIT
        surface = pygame.surfarray.make_surface(picture.swapaxes(0, 1))
        self._screen.blit(pygame.transform.scale(surface, self._screen.get_size()), (0, 0))
        pygame.display.flip()
        self._clock.tick(self._fps)

    def _open(self, size: tuple[int, int]) -> None:
        pygame = self._pygame
        try:
            pygame.display.init()
            # Without a screen SDL may draw into memory, where it cannot be seen.
            if pygame.display.get_driver() == "offscreen" and "SDL_VIDEODRIVER" not in os.environ:
                raise pygame.error("there is no screen")
            # Small pictures, as those of old games, are shown larger.
            factor = max(1, 480 // max(size))
            self._screen = pygame.display.set_mode((size[0] * factor, size[1] * factor))
        except pygame.error as error:
            raise SoulsAIError(f"No window can be opened ({error}): film the agent with --video out.mp4.") from error
        pygame.display.set_caption(self._title)
        self._clock = pygame.time.Clock()

    def close(self) -> None:
        """Close the window."""
        self._pygame.display.quit()
