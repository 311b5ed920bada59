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
        "Attack3000",
        duration=2.9,
        hits=(Hit(start=1.58, end=1.74, reach=4.3, arc=WIDE, damage=118, reaction="DamageUpper"),),
        nearest=7.5,
        farthest=17.0,
        lunge=(0.95, 1.6, 10.0),
        tracks=1.3,
        weight=1.5,
    ),
    Attack(
        "Attack3001",
        duration=2.9,
        hits=(
            Hit(start=0.72, end=0.86, reach=5.0, arc=WIDE, damage=84, reaction="DamageMiddle"),
            Hit(start=1.52, end=1.68, reach=5.2, arc=WIDE, damage=98, reaction="DamageLarge"),
        ),
        nearest=0.0,
        farthest=5.5,
        lunge=(1.2, 1.6, 2.0),
        tracks=1.3,
        weight=2.0,
    ),
    Attack(
        "Attack3002",
        duration=2.4,
        hits=(Hit(start=0.9, end=1.02, reach=6.4, arc=NARROW, damage=98, reaction="DamageLarge"),),
        nearest=3.0,
        farthest=7.5,
        lunge=(0.6, 1.0, 3.5),
        tracks=0.75,
        weight=1.5,
    ),
    Attack(
        "Attack3004",
        duration=2.75,
        hits=(Hit(start=1.36, end=1.58, reach=4.6, arc=AROUND, damage=106, reaction="DamageExLarge"),),
        nearest=2.0,
        farthest=9.0,
        lunge=(0.9, 1.5, 5.0),
        tracks=1.2,
        weight=1.0,
    ),
    Attack(
        "Attack3007",
        duration=2.5,
        hits=(Hit(start=1.04, end=1.16, reach=5.4, arc=NARROW, damage=118, reaction="DamageUpper"),),
        nearest=0.0,
        farthest=6.0,
        lunge=(0.7, 1.05, 1.5),
        tracks=0.9,
        weight=1.5,
        follow_ups=(("Attack3008", 0.3),),
    ),
    # Comes as a follow-up only: no distance in the arena is 99 m.
    Attack(
        "Attack3008",
        duration=2.6,
        hits=(Hit(start=0.84, end=1.0, reach=5.4, arc=WIDE, damage=92, reaction="DamageLarge"),),
        nearest=99.0,
        farthest=99.0,
        lunge=(0.5, 0.9, 2.0),
        tracks=0.7,
    ),
    Attack(
        "Attack3010",
        duration=2.7,
        hits=(Hit(start=1.28, end=1.42, reach=3.6, arc=NARROW, damage=150, reaction="ThrowDef", throw=True),),
        nearest=0.0,
        farthest=5.0,
        lunge=(0.9, 1.3, 2.5),
        tracks=1.1,
        weight=0.5,
    ),
    Attack(
        "Attack3012",
        duration=1.9,
        hits=(Hit(start=0.56, end=0.68, reach=3.6, arc=FRONT, damage=58, reaction="DamageMiddle"),),
        nearest=0.0,
        farthest=3.2,
        tracks=0.45,
        weight=1.5,
        follow_ups=(("Attack3001", 0.35), ("Attack3013", 0.2)),
    ),
    Attack(
        "Attack3013",
        duration=2.0,
        hits=(Hit(start=0.54, end=0.72, reach=4.8, arc=AROUND, damage=84, reaction="DamageLarge"),),
        nearest=0.0,
        farthest=5.0,
        weight=2.0,
        behind=True,
    ),
)

IUDEX = BossModel(
    name="iudex",
    max_hp=1037,
    attacks={attack.animation: attack for attack in _ATTACKS},
    floor=Disc((139.0, 596.0), 25.0),
    second_phase="Attack1500",
    parried="DamageParryEnemy1",
)
