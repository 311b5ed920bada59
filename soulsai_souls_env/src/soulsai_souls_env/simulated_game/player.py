"""The player: moves, rolls, strikes, parries and takes hits, with the animations and timings of soulsgym's data."""

from __future__ import annotations

from collections.abc import Mapping, Set
from math import atan2, pi
from typing import Any, NamedTuple

from soulsai_souls_env.simulated_game.attacks import Hit
from soulsai_souls_env.simulated_game.character import Character, wrap
from soulsai_souls_env.simulated_game.floor import Floor

MAX_HP = 454
MAX_SP = 95
# Damage to the boss in hit points.
LIGHT_DAMAGE = 92
HEAVY_DAMAGE = 140
RIPOSTE_DAMAGE = 220

# Indices of soulsgym's timings: seconds after which an animation may be followed by an attack, a roll or a movement.
_ATTACK, _ROLL, _MOVE = range(3)

# Stamina points.
_ROLL_SP = 16
_PARRY_SP = 26
_SP_PER_SECOND = 45.0
# Meters a second, and radians a second.
_RUN_SPEED = 4.0
_ROLL_SPEED = 6.0
_ROLL_SPEED_AT_END = 2.6
_STRIKE_SPEED = 4.0
_TURN_SPEED = 9.0
# Seconds since the animation began.
_INVULNERABLE_S = 0.45
_ROLL_MOVES_S = 0.75
_ROLL_RECOVERS_S = 1.0
_PARRY_RECOVERS_S = 0.95
_PARRY_FROM_S = 0.12
_PARRY_UNTIL_S = 0.42
_STRIKE_TURNS_S = 0.3
_STRIKE_MOVES_S = 0.45
_HEAVY_WIND_UP_S = 0.55

_Direction = tuple[int, int]
"""(right, forward), each -1, 0 or 1."""
_NONE: _Direction = (0, 0)
_DIRECTIONS: dict[str, _Direction] = {"forward": (0, 1), "backward": (0, -1), "left": (-1, 0), "right": (1, 0)}
_STOPS = {(0, 1): "RunStopFront", (0, -1): "RunStopBack", (-1, 0): "RunStopLeft", (1, 0): "RunStopRight"}
_COMBO = {"AttackRightLight1": "AttackRightLight2", "AttackRightLight2": "AttackRightLight3"}
_ROLLS = frozenset(("RollingMedium", "RollingMediumSelftra", "EStepDown"))
_LYING = frozenset(("DamageUpper", "DamageExLarge"))
_HEAVY_END = {"AttackRightHeavy1Sta": "AttackRightHeavy1End", "AttackRightHeavy2Sta": "AttackRightHeavy2End"}


class _Strike(NamedTuple):
    """When an attack hits (seconds since the animation began), damage, reach in meters, and stamina points."""

    time: float
    damage: int
    reach: float
    sp: int


_STRIKES = {
    "AttackRightLight1": _Strike(0.44, LIGHT_DAMAGE, 3.3, 20),
    "AttackRightLight2": _Strike(0.42, LIGHT_DAMAGE, 3.3, 20),
    "AttackRightLight3": _Strike(0.40, LIGHT_DAMAGE, 3.3, 20),
    "AttackRightLightStep": _Strike(0.46, LIGHT_DAMAGE, 3.5, 20),
    "AttackRightHeavy1End": _Strike(0.24, HEAVY_DAMAGE, 3.6, 30),
    "AttackRightHeavy2End": _Strike(0.26, HEAVY_DAMAGE, 3.6, 30),
}
# Animations that end only because something else begins; the other lengths follow from soulsgym's timings.
_LENGTH_S = {"AttackRightHeavy1Sta": 9.0, "AttackRightHeavy2Sta": 9.0, "Idle": 1e9, "Move": 1e9}


class Player(Character):
    """Attributes:
    hp, sp: hit points and stamina. Stamina may fall below zero; at zero or below, the player can only walk.
    recovery: factor of the speed with which stamina recovers.
    """

    def __init__(self, timings: Mapping[str, Mapping[str, Any]], floor: Floor) -> None:
        super().__init__("Idle", floor)
        self._timings = {name: tuple(entry["timings"]) for name, entry in timings.items()}
        self._length = {name: max(timing) + 0.25 for name, timing in self._timings.items()} | _LENGTH_S
        self._length |= dict.fromkeys(_STOPS.values(), 0.3)
        self.hp = float(MAX_HP)
        self.sp = float(MAX_SP)
        self.recovery = 1.0
        self._direction = _NONE
        self._roll_heading = 0.0
        self._struck = False

    def press(self, key: str, held_keys: Set[str], target_heading: float, near_stunned_boss: bool) -> None:
        """Press a key. `target_heading` leads to the target if locked on, else away from the camera."""
        if key == "roll" and self._may(_ROLL):
            self._start_roll(held_keys, target_heading)
        elif key in ("lightattack", "heavyattack") and self._may(_ATTACK):
            self._start_attack(key, near_stunned_boss)
        elif key == "parry" and self._may(_ATTACK):
            self.play("ParryLeftStart")
            self.sp -= _PARRY_SP

    def _may(self, kind: int) -> bool:
        timing = self._timings.get(self.animation)
        # The tolerance is for the sum of ticks, which ends slightly below the timing that it should reach.
        return self.sp > 0 and timing is not None and self.elapsed >= timing[kind] - 1e-9

    def _start_roll(self, held_keys: Set[str], target_heading: float) -> None:
        direction = _direction(held_keys)
        self.sp -= _ROLL_SP
        if self.animation in _LYING or self.animation == "ThrowDef":
            self.play("EStepDown")
        elif direction == _NONE:
            self.play("BackStepNomal")
        else:
            # Two rolls in a row have different animations: soulsgym notices a new action by the change.
            self.play("RollingMediumSelftra" if self.animation == "RollingMedium" else "RollingMedium")
        self._roll_heading = wrap(target_heading + (atan2(*direction) if direction != _NONE else pi))
        if direction != _NONE:
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

    def advance(self, dt: float, held_keys: Set[str], target_heading: float, may_move: bool) -> None:
        """Let `dt` seconds pass: the animation goes on, stamina recovers, and the player moves."""
        self.elapsed += dt
        animation = self.animation
        elapsed = self.elapsed
        if animation in _ROLLS or animation == "BackStepNomal":
            if may_move and elapsed < _ROLL_MOVES_S:
                speed = _ROLL_SPEED if elapsed < _INVULNERABLE_S else _ROLL_SPEED_AT_END
                self.move(self._roll_heading, speed * dt)
            if elapsed > _ROLL_RECOVERS_S:
                self._recover(dt)
        elif animation in _STRIKES or animation in _HEAVY_END:
            self._advance_attack(dt, target_heading, may_move)
        elif animation != "ParryLeftStart" or elapsed > _PARRY_RECOVERS_S:
            self._recover(dt)
        if self.elapsed >= self._length.get(animation, 1.0):
            self.play("Idle")
        self._walk(dt, held_keys, target_heading, may_move)

    def _recover(self, dt: float) -> None:
        self.sp = min(self.sp + _SP_PER_SECOND * self.recovery * dt, MAX_SP)

    def _advance_attack(self, dt: float, target_heading: float, may_move: bool) -> None:
        if self.elapsed < _STRIKE_TURNS_S:
            self._turn_to(target_heading, dt)
        elif may_move and self.elapsed < _STRIKE_MOVES_S:
            self.move(self.heading, _STRIKE_SPEED * dt)
        if self.animation in _HEAVY_END and self.elapsed >= _HEAVY_WIND_UP_S:
            self.play(_HEAVY_END[self.animation])

    def _walk(self, dt: float, held_keys: Set[str], target_heading: float, may_move: bool) -> None:
        timing = self._timings.get(self.animation)
        if timing is None or self.elapsed < timing[_MOVE]:
            return
        direction = _direction(held_keys) if held_keys else _NONE
        if direction == _NONE:
            if self.animation == "Move":
                self.play(_STOPS.get(self._direction, "RunStopFront"))
        elif may_move:
            if self.animation != "Move":
                self.play("Move")
            self._direction = direction
            acceleration = min(1.0, 0.4 + 3 * self.elapsed)
            self.move(wrap(target_heading + atan2(*direction)), _RUN_SPEED * acceleration * dt)
        self._turn_to(target_heading, dt)

    def _turn_to(self, heading: float, dt: float) -> None:
        limit = _TURN_SPEED * dt
        self.heading = wrap(self.heading + min(max(wrap(heading - self.heading), -limit), limit))

    def land_strike(self) -> tuple[int, float] | None:
        """(damage, reach) of an attack, once, from the moment when it hits; otherwise None. It costs stamina then."""
        strike = _STRIKES.get(self.animation)
        if strike is None or self._struck or self.elapsed < strike.time:
            return None
        self._struck = True
        self.sp -= strike.sp
        return strike.damage, strike.reach

    @property
    def invulnerable(self) -> bool:
        """Whether hits pass the player by: in the first part of a roll, lying on the ground, or during a throw."""
        if self.animation in _ROLLS:
            return self.elapsed < _INVULNERABLE_S
        if self.animation in _LYING:
            return self.elapsed < self._timings[self.animation][_ROLL]
        return self.animation in ("ThrowDef", "ThrowAtk")

    @property
    def parries(self) -> bool:
        """Whether a hit is parried now."""
        return self.animation == "ParryLeftStart" and _PARRY_FROM_S <= self.elapsed <= _PARRY_UNTIL_S

    def take_hit(self, hit: Hit, damage: float, *, deadly: bool) -> None:
        """Take a hit. At least one hit point is left unless `deadly`; the damage of a grab comes later."""
        self.play(hit.reaction)
        if not hit.throw:
            self.lose_hp(damage, deadly=deadly)

    def lose_hp(self, damage: float, *, deadly: bool) -> None:
        """Lose hit points; at least one is left unless `deadly`."""
        self.hp = max(self.hp - damage, 0.0 if deadly else 1.0)


def _direction(held_keys: Set[str]) -> _Direction:
    """The sum of the held keys' directions. Its atan2 is clockwise from straight ahead, as headings are."""
    right = 0
    forward = 0
    for key, (key_right, key_forward) in _DIRECTIONS.items():
        if key in held_keys:
            right += key_right
            forward += key_forward
    return right, forward
