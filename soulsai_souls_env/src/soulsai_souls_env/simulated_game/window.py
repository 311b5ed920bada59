"""The window of the simulated game, in the place of soulsgym's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from soulsai_souls_env.simulated_game.rendering import HEIGHT, WIDTH

if TYPE_CHECKING:
    from soulsai_souls_env.simulated_game.game import SimulatedGame


class SimulatedWindow:
    """A window that has the focus until the fault `lost_focus` takes it."""

    img_resolution = (HEIGHT, WIDTH)

    def __init__(self, game: SimulatedGame) -> None:
        self._game = game

    @property
    def focused(self) -> bool:
        """Whether keys reach the game."""
        return "lost_focus" not in self._game.faults.active

    def focus_application(self) -> None:
        """Bring the window to the front."""
        self._game.faults.active.discard("lost_focus")

    def get_img(self) -> np.ndarray:
        """uint8 (90, 160, 3)."""
        return self._game.img
