"""The keyboard and the window of the simulated game, in the place of soulsgym's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from soulsgym.core.game_input import GameInput

if TYPE_CHECKING:
    from soulsai_souls_env.simulated_game.game import SimulatedGame


class SimulatedInput(GameInput):
    """soulsgym's own bookkeeping of keys; only what would go to Windows goes to the simulated game."""

    def __init__(self, game: SimulatedGame, game_id: str, game_speed: float = 1.0) -> None:
        super().__init__(game_id, game_speed)
        self._game = game
        keys = {self.keymap[key]: action for action, key in self.keybindings.items()}
        self._press_key = lambda code: game.press(keys[code])
        self._release_key = lambda code: game.release(keys[code])

    def single_action(self, action: str, press_time: float = 0.15) -> None:
        """Press, let game time pass and release."""
        self._game.press(action)
        self._game.run(press_time * self._game.game_speed)
        self._game.release(action)


class SimulatedWindow:
    """A window that has the focus until a fault takes it."""

    img_resolution = (90, 160)

    def __init__(self, game: SimulatedGame) -> None:
        self._game = game

    @property
    def focused(self) -> bool:
        """Whether keys reach the game."""
        return "lost_focus" not in self._game.faults.active

    def focus_application(self) -> None:
        """Bring it to the front."""
        self._game.faults.active.discard("lost_focus")

    def get_img(self) -> np.ndarray:
        """uint8 (90, 160, 3)."""
        return self._game.img
