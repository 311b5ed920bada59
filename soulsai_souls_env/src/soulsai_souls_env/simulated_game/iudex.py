"""Iudex Gundyr.

Durations, ranges and damage follow the recorded fight where it shows them. The rest is chosen so that each attack has
a wind-up to react to, a moment to roll in, and a recovery to strike in.
"""

from __future__ import annotations

from soulsai_souls_env.simulated_game.attacks import AROUND, FRONT, NARROW, WIDE, Attack, Hit
from soulsai_souls_env.simulated_game.floor import Disc
from soulsai_souls_env.simulated_game.model import BossModel

_ATTACKS = (
    Attack(
        "Attack3000", 2.9, (Hit(1.58, 1.74, 4.3, WIDE, 118, "DamageUpper"),), 7.5, 17.0, (0.95, 1.6, 10.0), 1.3, 1.5
    ),
    Attack(
        "Attack3001",
        2.9,
        (Hit(0.72, 0.86, 5.0, WIDE, 84, "DamageMiddle"), Hit(1.52, 1.68, 5.2, WIDE, 98, "DamageLarge")),
        0.0,
        5.5,
        (1.2, 1.6, 2.0),
        1.3,
        2.0,
    ),
    Attack("Attack3002", 2.4, (Hit(0.9, 1.02, 6.4, NARROW, 98, "DamageLarge"),), 3.0, 7.5, (0.6, 1.0, 3.5), 0.75, 1.5),
    Attack(
        "Attack3004", 2.75, (Hit(1.36, 1.58, 4.6, AROUND, 106, "DamageExLarge"),), 2.0, 9.0, (0.9, 1.5, 5.0), 1.2, 1.0
    ),
    Attack(
        "Attack3007",
        2.5,
        (Hit(1.04, 1.16, 5.4, NARROW, 118, "DamageUpper"),),
        0.0,
        6.0,
        (0.7, 1.05, 1.5),
        0.9,
        1.5,
        (("Attack3008", 0.3),),
    ),
    # Comes as a follow-up only: no distance in the arena is 99 m.
    Attack("Attack3008", 2.6, (Hit(0.84, 1.0, 5.4, WIDE, 92, "DamageLarge"),), 99.0, 99.0, (0.5, 0.9, 2.0), 0.7),
    Attack(
        "Attack3010", 2.7, (Hit(1.28, 1.42, 3.6, NARROW, 150, "ThrowDef", True),), 0.0, 5.0, (0.9, 1.3, 2.5), 1.1, 0.5
    ),
    Attack(
        "Attack3012",
        1.9,
        (Hit(0.56, 0.68, 3.6, FRONT, 58, "DamageMiddle"),),
        0.0,
        3.2,
        tracks=0.45,
        weight=1.5,
        follow_ups=(("Attack3001", 0.35), ("Attack3013", 0.2)),
    ),
    Attack("Attack3013", 2.0, (Hit(0.54, 0.72, 4.8, AROUND, 84, "DamageLarge"),), 0.0, 5.0, weight=2.0, behind=True),
)

IUDEX = BossModel(
    name="iudex",
    max_hp=1037,
    attacks={attack.animation: attack for attack in _ATTACKS},
    floor=Disc((139.0, 596.0), 25.0),
    second_phase="Attack1500",
    parried="DamageParryEnemy1",
)
