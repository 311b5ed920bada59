"""The window of the simulated game, in the place of soulsgym's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from soulsai_souls_env.simulated_game.game import SimulatedGame


class SimulatedWindow:
    """A window with the names of all versions of soulsgym. It has the focus until the fault `lost_focus` takes it."""

    def __init__(self, game: SimulatedGame) -> None:
        self._game = game

    @property
    def focused(self) -> bool:
        """Whether keys reach the game."""
        return "lost_focus" not in self._game.faults.active

    def focus(self) -> None:
        """Bring the window to the front."""
        self._game.faults.active.discard("lost_focus")

    focus_application = focus

    @property
    def img(self) -> np.ndarray:
        """uint8 (rows, columns, 3)."""
        return self._game.img

    def get_img(self) -> np.ndarray:
        """uint8 (rows, columns, 3)."""
        return self.img
