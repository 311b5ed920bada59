"""Shows the pictures of an environment in a window."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from soulsai_core.errors import SoulsAIError

_DRIVER = "SDL_VIDEODRIVER"
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", _DRIVER)
"""Variables of a session, of which one at least says where SDL may draw."""


class Window:
    """A window, at first of the size of the first picture, which shows each for its time.

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
        self._clock: Any = None

    def show(self, picture: np.ndarray) -> None:
        """Show a picture, uint8 (height, width, 3), and wait until it is time for the next."""
        pygame = self._pygame
        size = (picture.shape[1], picture.shape[0])
        if self._clock is None:
            self._open(size)
        for event in pygame.event.get():
            pressed = event.type == pygame.KEYDOWN and event.key in (pygame.K_ESCAPE, pygame.K_q)
            self.closed = self.closed or pressed or event.type == pygame.QUIT
        self._draw(pygame.surfarray.make_surface(picture.swapaxes(0, 1)))
        pygame.display.flip()
        self._clock.tick(self._fps)

    def _draw(self, picture: Any) -> None:
        """Draw the whole picture as large as fits into the window, which may have another size by now."""
        screen = self._pygame.display.get_surface()
        room = screen.get_size()
        scale = min(room[0] / picture.get_width(), room[1] / picture.get_height())
        size = (round(picture.get_width() * scale), round(picture.get_height() * scale))
        screen.fill((0, 0, 0))
        place = ((room[0] - size[0]) // 2, (room[1] - size[1]) // 2)
        screen.blit(self._pygame.transform.scale(picture, size), place)

    def _open(self, size: tuple[int, int]) -> None:
        pygame = self._pygame
        try:
            pygame.display.init()
            # Without a screen SDL may draw into memory, where it cannot be seen.
            if pygame.display.get_driver() == "offscreen" and _DRIVER not in os.environ:
                display = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
                raise pygame.error(f"there is no screen{f' at {display}' if display else ''}")
            # Small pictures, as those of old games, are shown larger.
            factor = max(1, 480 // max(size))
            pygame.display.set_mode((size[0] * factor, size[1] * factor), pygame.RESIZABLE)
        except pygame.error as error:
            raise no_window(str(error)) from error
        pygame.display.set_caption(self._title)
        self._clock = pygame.time.Clock()

    def close(self) -> None:
        """Close the window."""
        self._pygame.display.quit()


def no_window(reason: str) -> SoulsAIError:
    """The error where no window can be opened."""
    return SoulsAIError(f"No window can be opened ({reason}): film the agent with --video out.mp4.")


@contextmanager
def pictures_without_display() -> Iterator[bool]:
    """While the block runs, environments draw their pictures also in a session without a display. SDL would look for
    one in vain, and libraries of the system would print lines of their own. Gives whether it is such a session."""
    missing = sys.platform not in ("win32", "darwin") and not any(map(os.environ.get, _DISPLAYS))
    if missing:
        os.environ[_DRIVER] = "dummy"
    try:
        yield missing
    finally:
        if missing:
            del os.environ[_DRIVER]
