"""The keyboard of the simulated game, in the place of soulsgym's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soulsgym.core.game_input import GameInput

if TYPE_CHECKING:
    from soulsai_souls_env.simulated_game.game import SimulatedGame


class SimulatedInput(GameInput):
    """soulsgym's own handling of keys, which presses them in the simulated game instead of in Windows."""

    def __init__(self, game: SimulatedGame, game_id: str, game_speed: float = 1.0) -> None:
        super().__init__(game_id, game_speed)
        self._game = game
        self._action_of = {self.keymap[key]: action for action, key in self.keybindings.items()}

    # The base class has static methods here that send the key to Windows.
    def _press_key(self, key_hex_code: int) -> None:
        self._game.press(self._action_of[key_hex_code])

    def _release_key(self, key_hex_code: int) -> None:
        self._game.release(self._action_of[key_hex_code])

    def single_action(self, action: str, press_time: float = 0.15) -> None:
        """Press a key for `press_time` seconds of the wall clock."""
        self._game.press(action)
        self._game.run(press_time * self._game.game_speed)
        self._game.release(action)
