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
        duration=2.6,
        hits=(Hit(start=0.95, end=1.1, reach=5.6, arc=WIDE, damage=105, reaction="DamageLarge", frost=0.12),),
        nearest=0.0,
        farthest=7.0,
        lunge=(0.6, 1.0, 2.0),
        tracks=0.8,
        weight=2.0,
        follow_ups=(("Attack3001", 0.45),),
    ),
    Attack(
        "Attack3001",
        duration=2.3,
        hits=(Hit(start=0.75, end=0.9, reach=5.6, arc=WIDE, damage=105, reaction="DamageLarge", frost=0.12),),
        nearest=0.0,
        farthest=6.0,
        lunge=(0.4, 0.8, 1.5),
        tracks=0.6,
        weight=1.0,
    ),
    Attack(
        "Attack3007",
        duration=2.9,
        hits=(Hit(start=1.3, end=1.45, reach=6.4, arc=NARROW, damage=150, reaction="DamageUpper", frost=0.2),),
        nearest=2.5,
        farthest=8.0,
        lunge=(0.9, 1.3, 2.5),
        tracks=1.1,
        weight=1.5,
    ),
    Attack(
        "Attack3008",
        duration=2.2,
        hits=(Hit(start=0.6, end=0.75, reach=4.2, arc=FRONT, damage=90, reaction="DamageMiddle", frost=0.1),),
        nearest=0.0,
        farthest=4.5,
        tracks=0.4,
    ),
    Attack(
        "Attack3009",
        duration=2.7,
        hits=(Hit(start=1.1, end=1.35, reach=5.0, arc=AROUND, damage=110, reaction="DamageExLarge", frost=0.15),),
        nearest=0.0,
        farthest=5.0,
        weight=0.8,
    ),
    Attack(
        "Attack3010",
        duration=1.9,
        hits=(Hit(start=0.55, end=0.75, reach=4.8, arc=AROUND, damage=90, reaction="DamageLarge"),),
        nearest=0.0,
        farthest=5.0,
        weight=2.0,
        behind=True,
    ),
    # The charge: it turns to the player, and runs through wherever the player was.
    Attack(
        "Attack3017",
        duration=3.4,
        hits=(Hit(start=1.25, end=2.35, reach=3.4, arc=FRONT, damage=140, reaction="DamageUpper"),),
        nearest=9.0,
        farthest=60.0,
        lunge=(1.2, 2.4, 22.0),
        tracks=1.2,
        weight=2.0,
        follow_ups=(("Attack3021", 0.3),),
    ),
    # Comes as a follow-up only: no distance in the arena is 99 m.
    Attack(
        "Attack3021",
        duration=2.9,
        hits=(Hit(start=0.9, end=1.9, reach=3.4, arc=FRONT, damage=140, reaction="DamageUpper"),),
        nearest=99.0,
        farthest=99.0,
        lunge=(0.85, 1.95, 20.0),
        tracks=0.85,
        follow_ups=(("Attack3021", 0.3),),
    ),
    Attack(
        "Attack3020",
        duration=4.2,
        hits=(
            Hit(start=1.4, end=1.9, reach=9.0, arc=FRONT, damage=50, reaction="DamageSmall", frost=0.4),
            Hit(start=2.2, end=3.0, reach=9.0, arc=FRONT, damage=50, reaction="DamageSmall", frost=0.4),
        ),
        nearest=3.0,
        farthest=10.0,
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
