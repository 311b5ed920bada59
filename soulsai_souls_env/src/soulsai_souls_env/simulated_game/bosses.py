"""The bosses of the simulated game, by soulsgym's short names."""

from __future__ import annotations

from soulsai_souls_env.simulated_game.iudex import IUDEX
from soulsai_souls_env.simulated_game.vordt import VORDT

BOSSES = {boss.name: boss for boss in (IUDEX, VORDT)}
