"""The simulated game without soulsgym's environment."""

from __future__ import annotations

import random

import pytest

from soulsai_souls_env.adapter import import_soulsgym
from soulsai_souls_env.simulated_game.clock import VirtualClock
from soulsai_souls_env.simulated_game.faults import Faults
from soulsai_souls_env.simulated_game.game import SimulatedGame
from soulsai_souls_env.simulated_game.iudex import IUDEX


@pytest.fixture
def game() -> SimulatedGame:
    """Player and boss in the arena, a few steps apart and looking at each other; the boss is not allowed to attack."""
    import_soulsgym()
    game = SimulatedGame(IUDEX, random.Random(0), VirtualClock(), Faults(random.Random(0)))
    game.player_pose = (139.0, 590.0, -68.8, 3.1416)
    game.iudex_pose = (139.0, 592.5, -68.8, 0.0)
    game.allow_attacks = False
    game.allow_deaths = False
    game.press("lockon")
    game.release("lockon")
    assert game.lock_on
    return game
