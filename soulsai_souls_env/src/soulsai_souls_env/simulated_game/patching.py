"""Replaces, in soulsgym's modules, the names through which soulsgym reaches the real game, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import gymnasium

from soulsai_souls_env.adapter import time_and_random
from soulsai_souls_env.simulated_game.game import SimulatedGame
from soulsai_souls_env.simulated_game.keyboard import SimulatedInput
from soulsai_souls_env.simulated_game.window import SimulatedWindow


@contextmanager
def virtual_time(env_id: str, game: SimulatedGame, rng: random.Random) -> Iterator[None]:
    """While the block runs, the module of an environment sees the simulated wall clock and our random generator.

    soulsgym's reset compares the wall clock with that of the start, to reload the game every 15 minutes, and draws the
    player's position.
    """
    replacements = {"time": SimpleNamespace(time=game.clock.wall_time), "random": rng}
    module, fitting = time_and_random(env_id, replacements)
    with patch.multiple(module, **fitting):
        yield


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
    """Resets with the simulated wall clock and our random generator, so that a seed always gives the same fight."""

    def __init__(self, env: gymnasium.Env, env_id: str, game: SimulatedGame, rng: random.Random) -> None:
        super().__init__(env)
        self._parts = (env_id, game, rng)

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Like the environment's own."""
        with virtual_time(*self._parts):
            return self.env.reset(**kwargs)
