"""The player: moves, rolls, strikes, parries and gets hurt, in the animations and timings of soulsgym's own data."""

from __future__ import annotations

from collections.abc import Mapping, Set
from math import atan2, pi
from typing import Any

from soulsai_souls_env.simulated_game.attacks import Hit
from soulsai_souls_env.simulated_game.body import Body, wrap

MAX_HP = 454
MAX_SP = 95
LIGHT = 92
HEAVY = 140
RIPOSTE = 220
"""Damage to the boss."""

_ATTACK, _ROLL, _MOVE = range(3)
_SP_PER_SECOND = 45.0
_RUN = 4.0
_TURN = 9.0
_DIRECTIONS = {"forward": (0, 1), "backward": (0, -1), "left": (-1, 0), "right": (1, 0)}
_STOPS = {(0, 1): "RunStopFront", (0, -1): "RunStopBack", (-1, 0): "RunStopLeft", (1, 0): "RunStopRight"}
_COMBO = {"AttackRightLight1": "AttackRightLight2", "AttackRightLight2": "AttackRightLight3"}
_ROLLS = frozenset(("RollingMedium", "RollingMediumSelftra", "EStepDown"))
_STRIKES = {  # (moment, damage, reach, SP)
    "AttackRightLight1": (0.44, LIGHT, 3.3, 20),
    "AttackRightLight2": (0.42, LIGHT, 3.3, 20),
    "AttackRightLight3": (0.40, LIGHT, 3.3, 20),
    "AttackRightLightStep": (0.46, LIGHT, 3.5, 20),
    "AttackRightHeavy1End": (0.24, HEAVY, 3.6, 30),
    "AttackRightHeavy2End": (0.26, HEAVY, 3.6, 30),
}
_HEAVY_END = {"AttackRightHeavy1Sta": "AttackRightHeavy1End", "AttackRightHeavy2Sta": "AttackRightHeavy2End"}
_HEAVY_WINDUP = 0.55
_DOWN = frozenset(("DamageUpper", "DamageExLarge"))
_LENGTH = {"AttackRightHeavy1Sta": 9.0, "AttackRightHeavy2Sta": 9.0, "Idle": 1e9, "Move": 1e9}


class Player(Body):
    """Attributes:
    hp, sp: hit points and stamina; stamina may fall below zero, and then nothing can be done but walk.
    """

    def __init__(self, timings: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__("Idle")
        self._timings = {name: tuple(entry["timings"]) for name, entry in timings.items()}
        self._length = {name: max(timing) + 0.25 for name, timing in self._timings.items()} | _LENGTH
        self._length |= dict.fromkeys(_STOPS.values(), 0.3)
        self.hp = float(MAX_HP)
        self.sp = float(MAX_SP)
        self._way = (0, 0)
        self._roll_heading = 0.0
        self._struck = False

    # -- what the keys do
    def press(self, key: str, held: Set[str], ahead: float, near_stunned_boss: bool) -> None:
        """A key goes down; `ahead` is the heading towards the target or away from the camera."""
        if key == "roll" and self._may(_ROLL):
            self._start_roll(held, ahead)
        elif key in ("lightattack", "heavyattack") and self._may(_ATTACK):
            self._start_attack(key, near_stunned_boss)
        elif key == "parry" and self._may(_ATTACK):
            self.play("ParryLeftStart")
            self.sp -= 26

    def _may(self, kind: int) -> bool:
        timing = self._timings.get(self.animation)
        return self.sp > 0 and timing is not None and self.since >= timing[kind] - 1e-9

    def _start_roll(self, held: Set[str], ahead: float) -> None:
        way = _way(held)
        self.sp -= 16
        if self.animation in _DOWN or self.animation == "ThrowDef":
            self.play("EStepDown")
        elif way == (0, 0):
            self.play("BackStepNomal")
        else:
            self.play("RollingMediumSelftra" if self.animation == "RollingMedium" else "RollingMedium")
        self._roll_heading = wrap(ahead + (atan2(*way) if way != (0, 0) else pi))
        if way != (0, 0):
            self.heading = self._roll_heading

    def _start_attack(self, key: str, near_stunned_boss: bool) -> None:
        before = self.animation
        self._struck = False
        if near_stunned_boss:
            self.play("ThrowAtk")
        elif key == "heavyattack":
            self.play("AttackRightHeavy2Sta" if before == "AttackRightHeavy1End" else "AttackRightHeavy1Sta")
        elif before in _ROLLS:
            self.play("AttackRightLightStep")
        else:
            self.play(_COMBO.get(before, "AttackRightLight1"))

    # -- what time does
    def pass_time(self, dt: float, held: Set[str], ahead: float, may_move: bool) -> None:
        """Animations go on, stamina comes back, and the player moves."""
        self.since += dt
        animation = self.animation
        since = self.since
        if animation in _ROLLS or animation == "BackStepNomal":
            if may_move and since < 0.75:
                self.go(self._roll_heading, (6.0 if since < 0.45 else 2.6) * dt)
            if since > 1.0:
                self._recover(dt)
        elif animation in _STRIKES or animation in _HEAVY_END:
            self._strike_pose(dt, ahead, may_move)
        elif animation != "ParryLeftStart" or since > 0.95:
            self._recover(dt)
        if self.since >= self._length.get(animation, 1.0):
            self.play("Idle")
        self._walk(dt, held, ahead, may_move)

    def _recover(self, dt: float) -> None:
        self.sp = min(self.sp + _SP_PER_SECOND * dt, MAX_SP)

    def _strike_pose(self, dt: float, ahead: float, may_move: bool) -> None:
        if self.since < 0.3:
            self._turn_to(ahead, dt)
        elif may_move and self.since < 0.45:
            self.go(self.heading, 4.0 * dt)
        if self.animation in _HEAVY_END and self.since >= _HEAVY_WINDUP:
            self.play(_HEAVY_END[self.animation])

    def _walk(self, dt: float, held: Set[str], ahead: float, may_move: bool) -> None:
        timing = self._timings.get(self.animation)
        if timing is None or self.since < timing[_MOVE]:
            return
        way = _way(held) if held else (0, 0)
        if way == (0, 0):
            if self.animation == "Move":
                self.play(_STOPS.get(self._way, "RunStopFront"))
        elif may_move:
            if self.animation != "Move":
                self.play("Move")
            self._way = way
            self.go(wrap(ahead + atan2(*way)), _RUN * min(1.0, 0.4 + 3 * self.since) * dt)
        self._turn_to(ahead, dt)

    def _turn_to(self, heading: float, dt: float) -> None:
        most = _TURN * dt
        self.heading = wrap(self.heading + min(max(wrap(heading - self.heading), -most), most))

    # -- what happens between player and boss
    def strike(self) -> tuple[int, float] | None:
        """(damage, reach) at the moment when a blow lands, None at all others."""
        blow = _STRIKES.get(self.animation)
        if blow is None or self._struck or self.since < blow[0]:
            return None
        self._struck = True
        self.sp -= blow[3]
        return blow[1], blow[2]

    @property
    def invulnerable(self) -> bool:
        """While rolling through, lying on the ground, or held by somebody."""
        if self.animation in _ROLLS:
            return self.since < 0.45
        if self.animation in _DOWN:
            return self.since < self._timings[self.animation][_ROLL]
        return self.animation in ("ThrowDef", "ThrowAtk")

    @property
    def parries(self) -> bool:
        """At the moment when the shield goes out."""
        return self.animation == "ParryLeftStart" and 0.12 <= self.since <= 0.42

    def hurt(self, hit: Hit, damage: float, *, deadly: bool) -> None:
        """Take a hit; nobody dies where deaths are not allowed. A grab hurts later."""
        self.play(hit.reaction)
        if not hit.throw:
            self.lose(damage, deadly=deadly)

    def lose(self, damage: float, *, deadly: bool) -> None:
        """Hit points go."""
        self.hp = max(self.hp - damage, 0.0 if deadly else 1.0)


def _way(held: Set[str]) -> tuple[int, int]:
    """(right, forward), whose atan2 is clockwise from ahead, as headings are."""
    x = y = 0
    for key, (right, forward) in _DIRECTIONS.items():
        if key in held:
            x = x + right
            y = y + forward
    return x, y
