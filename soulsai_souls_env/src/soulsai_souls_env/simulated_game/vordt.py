"""Vordt of the Boreal Valley: large, quick over long distances, and cold.

No fight against it was recorded. Its health, arena and names of animations are soulsgym's; attacks, times and damage
are invented after what players describe: swings and a slam in front, a bite to the side of those who stay close, a
kick behind, a charge from afar, and in the second phase a breath of frost and charges in a row.
"""

from __future__ import annotations

from soulsai_souls_env.simulated_game.attacks import AROUND, FRONT, NARROW, WIDE, Attack, Hit
from soulsai_souls_env.simulated_game.floor import Rectangle
from soulsai_souls_env.simulated_game.model import BossModel

_ATTACKS = (
    Attack(
        "Attack3000",
        2.6,
        (Hit(0.95, 1.1, 5.6, WIDE, 105, "DamageLarge", frost=0.12),),
        0.0,
        7.0,
        (0.6, 1.0, 2.0),
        0.8,
        2.0,
        (("Attack3001", 0.45),),
    ),
    Attack(
        "Attack3001",
        2.3,
        (Hit(0.75, 0.9, 5.6, WIDE, 105, "DamageLarge", frost=0.12),),
        0.0,
        6.0,
        (0.4, 0.8, 1.5),
        0.6,
        1.0,
    ),
    Attack(
        "Attack3007",
        2.9,
        (Hit(1.3, 1.45, 6.4, NARROW, 150, "DamageUpper", frost=0.2),),
        2.5,
        8.0,
        (0.9, 1.3, 2.5),
        1.1,
        1.5,
    ),
    Attack("Attack3008", 2.2, (Hit(0.6, 0.75, 4.2, FRONT, 90, "DamageMiddle", frost=0.1),), 0.0, 4.5, tracks=0.4),
    Attack("Attack3009", 2.7, (Hit(1.1, 1.35, 5.0, AROUND, 110, "DamageExLarge", frost=0.15),), 0.0, 5.0, weight=0.8),
    Attack("Attack3010", 1.9, (Hit(0.55, 0.75, 4.8, AROUND, 90, "DamageLarge"),), 0.0, 5.0, weight=2.0, behind=True),
    # The charge: it turns to the player, and runs through wherever the player was.
    Attack(
        "Attack3017",
        3.4,
        (Hit(1.25, 2.35, 3.4, FRONT, 140, "DamageUpper"),),
        9.0,
        60.0,
        (1.2, 2.4, 22.0),
        1.2,
        2.0,
        (("Attack3021", 0.3),),
    ),
    # Comes as a follow-up only: no distance in the arena is 99 m.
    Attack(
        "Attack3021",
        2.9,
        (Hit(0.9, 1.9, 3.4, FRONT, 140, "DamageUpper"),),
        99.0,
        99.0,
        (0.85, 1.95, 20.0),
        0.85,
        follow_ups=(("Attack3021", 0.3),),
    ),
    Attack(
        "Attack3020",
        4.2,
        (
            Hit(1.4, 1.9, 9.0, FRONT, 50, "DamageSmall", frost=0.4),
            Hit(2.2, 3.0, 9.0, FRONT, 50, "DamageSmall", frost=0.4),
        ),
        3.0,
        10.0,
        tracks=1.3,
        weight=1.5,
        second_phase=True,
    ),
)

VORDT = BossModel(
    name="vordt",
    max_hp=1328,
    attacks={attack.animation: attack for attack in _ATTACKS},
    # A meter or two within soulsgym's limits, beyond which its environment gives up.
    floor=Rectangle((15.0, -5.0), (40.0, 44.0)),
    second_phase="Attack3019",
    body=2.0,
    walk_speed=2.4,
    run_speed=7.0,
    runs_from=12.0,
    second_phase_damage=1.1,
)
