"""What distinguishes one boss from another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from soulsai_souls_env.simulated_game.attacks import Attack
from soulsai_souls_env.simulated_game.floor import Floor


@dataclass(frozen=True)
class BossModel:
    """A boss.

    Attributes:
        name: soulsgym's short name.
        attacks: animation -> attack.
        second_phase: animation of the change into the second phase, in which the boss reaches further, hits harder and
            pauses less.
        parried: animation after a parried hit; None: its hits cannot be parried.
        body: meters from its middle within which no player can stand.
        walk_speed, run_speed: meters a second.
        runs_from: meters to the player from which on it runs.
        second_phase_damage: factor of the damage in the second phase.
    """

    name: str
    max_hp: int
    attacks: Mapping[str, Attack]
    floor: Floor
    second_phase: str
    parried: str | None = None
    body: float = 1.0
    walk_speed: float = 2.0
    run_speed: float = 0.0
    runs_from: float = inf
    second_phase_damage: float = 1.15
