"""The state of a fight in the simulated game, as it is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from soulsai_souls_env.adapter import state_reader


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the fight after one step.

    Attributes:
        player, boss: (x, y, heading), in meters and radians.
        boss_elapsed: seconds since the boss' animation began.
        player_hp, boss_hp: health as soulsgym counts it, as a share of the maximum.
    """

    player: tuple[float, float, float]
    boss: tuple[float, float, float]
    player_animation: str
    boss_animation: str
    boss_elapsed: float
    player_hp: float
    boss_hp: float


def snapshot(soulsgym: Any) -> Snapshot:
    """The state of the fight in an environment of soulsgym with the simulated game."""
    # Health comes from soulsgym's state: the game's own health is refilled after each step.
    state = state_reader(soulsgym)(soulsgym)
    player = soulsgym.game.arena.player
    boss = soulsgym.game.arena.boss
    return Snapshot(
        (player.x, player.y, player.heading),
        (boss.x, boss.y, boss.heading),
        player.animation,
        boss.animation,
        boss.elapsed,
        state.player_hp / state.player_max_hp,
        state.boss_hp / state.boss_max_hp,
    )
