"""Bins of animations for the one-hot parts of the state vector.

Similar animations share a bin. Bins are numbered by where their first animation occurs in the game's animation table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

# The names that soulsgym's tables have for the animations, in the order of their ids.
_PLAYER_TABLE = """
    AddDamageDefault AddDamageStartLeft AddDamageStartRight AddDamageStartFront AddDamageStartBack GuardBreakWall
    DamageSmall DamageMiddle DamageUpper DamageLarge DamageExLarge DamageFling DamagePush DamageSmallBlow ThrowAtk
    ThrowDef EStepDown Idle Move None BackStepNomal RollingMedium RollingMediumSelftra RunStopFront RunStopBack
    RunStopLeft RunStopRight QuickTurnLeft180 QuickTurnRight180 AttackRightLight1 AttackRightLight2
    AttackRightLight3 AttackRightLightStep AttackRightHeavy1Sta AttackRightHeavy1Sub AttackRightHeavy1End
    AttackRightHeavy2Sta AttackRightHeavy2End ParryLeftStart LandLow Land LandFaceUp LandFaceDown FallStart
    FallStartFaceUp FallStartFaceDown FallLoop FallLoopFaceUp FallLoopFaceDown FallAttackStart
"""
_IUDEX_TABLE = """
    Attack3000 Attack3001 Attack3002 Attack3003 Attack3004 Attack3005 Attack3006 Attack3007 Attack3008 Attack3009
    Attack3010 Attack3011 Attack3012 Attack3013 Attack3014 Attack3015 Attack3029 ThrowAtk ThrowDef WalkFrontBattle
    WalkLeftBattle WalkRightBattle WalkBackBattle IdleBattle TurnBattle_Right90 TurnBattle_Right180
    TurnBattle_Left90 TurnBattle_Left180 FallingDefault LandDefault SABreak DamageParryEnemy1
"""
_VORDT_TABLE = """
    Attack3000 Attack3001 Attack3007 Attack3008 Attack3009 Attack3010 Attack3017 Attack3019 Attack3020 Attack3021
    Attack6001 Attack6002 Attack6003 Attack9910 WalkFrontBattle WalkRightBattle WalkLeftBattle IdleBattle
    TurnBattle_Right90 TurnBattle_Left90 TurnBattle_Right180 TurnBattle_Left180 RunBattle Step6001 Step6002 Step6003
    SABreak
"""
PLAYER_NAMES = tuple(_PLAYER_TABLE.split())
IUDEX_NAMES = tuple(_IUDEX_TABLE.split())
VORDT_NAMES = tuple(_VORDT_TABLE.split())

# Groups of these ids that share a bin. The trained models of SoulsAI depend on them: do not reorder.
DAMAGE = range(5)
STANDING = (17, 18, 19, 23, 24, 25, 26)
STOPPING = (27, 28)
LANDING = (39, 40)
LYING = (41, 42)
FALLING = range(43, 50)
IUDEX_MOVEMENT = (19, 20, 21, 22, 24, 25, 26, 27)
VORDT_MOVEMENT = (14, 15, 16, 18, 19, 20, 21)


@dataclass(frozen=True)
class Bins:
    """The bin of each animation id.

    Attributes:
        bin_of: int (animations,), the bin of each id.
        shared: bool (animations,), whether the id shares its bin with others.
        count: number of bins.
    """

    bin_of: np.ndarray
    shared: np.ndarray
    count: int

    def index(self, animation: int) -> int | None:
        """The bin of an id; None for -1 and for ids that are not in the table."""
        return int(self.bin_of[animation]) if 0 <= animation < len(self.bin_of) else None

    def is_shared(self, animation: int) -> bool:
        """Whether an id shares its bin with others; False for ids that are not in the table."""
        return 0 <= animation < len(self.shared) and bool(self.shared[animation])


def known_ids(installed: Sequence[str], known: Sequence[str]) -> dict[int, int] | None:
    """The id among the known names of each installed animation, -1 for unknown ones; None where all ids are the same.

    Another version of soulsgym may number its animations in another way.
    """
    if tuple(installed) == tuple(known):
        return None
    ids = {name: number for number, name in enumerate(known)}
    return {-1: -1, **{number: ids.get(name, -1) for number, name in enumerate(installed)}}


def make_bins(animations: int, groups: Sequence[Iterable[int]]) -> Bins:
    """Bins of the ids 0 to animations-1. Each group shares one bin; every other id has its own."""
    first = np.arange(animations)
    for group in map(sorted, groups):
        first[group] = group[0]
    names, bin_of = np.unique(first, return_inverse=True)
    return Bins(bin_of, np.bincount(bin_of)[bin_of] > 1, len(names))


PLAYER = make_bins(len(PLAYER_NAMES), (DAMAGE, STANDING, STOPPING, LANDING, LYING, FALLING))
IUDEX = make_bins(len(IUDEX_NAMES), (IUDEX_MOVEMENT,))
VORDT = make_bins(len(VORDT_NAMES), (VORDT_MOVEMENT,))
