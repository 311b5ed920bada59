"""Puts the simulated game behind the names that soulsgym takes from elsewhere, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import gymnasium

from soulsai_souls_env.simulated_game.game import SimulatedGame
from soulsai_souls_env.simulated_game.surroundings import SimulatedInput, SimulatedWindow


@contextmanager
def behind_soulsgym(game: SimulatedGame) -> Iterator[None]:
    """While the block runs, soulsgym's environments that are made get this game instead of Dark Souls III."""
    from soulsgym.envs import soulsenv

    def factory(_game_id: str) -> SimulatedGame:
        return game

    def keyboard(game_id: str, game_speed: float = 1.0) -> SimulatedInput:
        return SimulatedInput(game, game_id, game_speed)

    def window(_game_id: str) -> SimulatedWindow:
        return SimulatedWindow(game)

    with patch.multiple(soulsenv, game_factory=factory, GameInput=keyboard, GameWindow=window):
        yield


class InVirtualTime(gymnasium.Wrapper):
    """soulsgym's reset looks at the wall clock and draws the player's place: here, at the virtual wall and by our
    seed, so that a fight is the same every time."""

    def __init__(self, env: gymnasium.Env, game: SimulatedGame, rng: random.Random) -> None:
        super().__init__(env)
        from soulsgym.envs.darksouls3 import iudex

        self._module = iudex
        self._stand_ins: dict[str, Any] = {"time": SimpleNamespace(time=game.clock.wall), "random": rng}

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Like the environment's own."""
        with patch.multiple(self._module, **self._stand_ins):
            return self.env.reset(**kwargs)
