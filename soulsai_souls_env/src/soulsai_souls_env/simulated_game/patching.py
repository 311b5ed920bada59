"""Replaces, in soulsgym's modules, the names through which soulsgym reaches the real game, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import gymnasium

from soulsai_souls_env.simulated_game.game import SimulatedGame
from soulsai_souls_env.simulated_game.keyboard import SimulatedInput
from soulsai_souls_env.simulated_game.window import SimulatedWindow


@contextmanager
def use_simulated_game(game: SimulatedGame) -> Iterator[None]:
    """While the block runs, new environments of soulsgym get this game instead of Dark Souls III."""
    from soulsgym.envs import soulsenv

    def game_factory(_game_id: str) -> SimulatedGame:
        return game

    def game_input(game_id: str, game_speed: float = 1.0) -> SimulatedInput:
        return SimulatedInput(game, game_id, game_speed)

    def game_window(_game_id: str) -> SimulatedWindow:
        return SimulatedWindow(game)

    with patch.multiple(soulsenv, game_factory=game_factory, GameInput=game_input, GameWindow=game_window):
        yield


class VirtualTimeReset(gymnasium.Wrapper):
    """Resets with the simulated wall clock and our random generator, so that a seed always gives the same fight.

    soulsgym's reset compares the wall clock, to reload the game every 15 minutes, and draws the player's position.
    """

    def __init__(self, env: gymnasium.Env, game: SimulatedGame, rng: random.Random) -> None:
        super().__init__(env)
        from soulsgym.envs.darksouls3 import iudex

        self._module = iudex
        # The modules `time` and `random` as the names of soulsgym's module see them, during a reset only.
        self._replacements: dict[str, Any] = {"time": SimpleNamespace(time=game.clock.wall_time), "random": rng}

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Like the environment's own."""
        with patch.multiple(self._module, **self._replacements):
            return self.env.reset(**kwargs)
