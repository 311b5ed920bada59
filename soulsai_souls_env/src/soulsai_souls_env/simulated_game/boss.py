"""The boss of a model: walks up to the player, circles, turns, and attacks from a table."""

from __future__ import annotations

import random
from math import pi

from soulsai_souls_env.simulated_game.attacks import Attack, Hit
from soulsai_souls_env.simulated_game.character import Character, wrap
from soulsai_souls_env.simulated_game.model import BossModel

# Seconds since the animation began, and lengths of animations.
STUN_S = 3.0
THROW_HURTS_S = 1.94
_THROW_S = 6.1
_RIPOSTED_S = 4.0
_PHASE_CHANGE_S = 4.0
_IDLE_S = 0.15

# Meters a second, and radians a second.
_STRAFE_SPEED = 1.3
_TURN_SPEED = 2.6
_ATTACK_TURN_SPEED = 3.5
_ATTACK_TURN_SPEED_AT_START = 2.0

# Radians from the boss' heading to the player.
_IN_FRONT = 1.2
_BEHIND = 2.0
_TURN_AROUND = 2.2

# The second phase: reach in meters that is added, and factors.
_REACH_BONUS = 0.4
_PAUSE_FACTOR = 0.6
_FOLLOW_UP_FACTOR = 1.5

_TURNS = {
    (False, False): "TurnBattle_Right90",
    (False, True): "TurnBattle_Right180",
    (True, False): "TurnBattle_Left90",
    (True, True): "TurnBattle_Left180",
}
"""(to the left, further than a right angle) -> animation."""


class Boss(Character):
    """Attributes:
    model: which boss it is.
    hp: hit points.
    second_phase: whether it has changed into the second phase.
    """

    def __init__(self, model: BossModel, rng: random.Random) -> None:
        super().__init__("IdleBattle", model.floor)
        self.model = model
        # Animations that last until `_until` whatever the player does.
        self._uninterrupted = {model.parried, "ThrowAtk", "ThrowDef", model.second_phase}
        self.hp = float(model.max_hp)
        self.second_phase = False
        self._rng = rng
        self._attack: Attack | None = None
        self._hits_done = 0
        self._pause = 0.5
        self._until = 0.0
        self._begin_idling()

    def _begin_idling(self) -> None:
        self._attack = None
        self._hits_done = 0
        self.play("IdleBattle")
        self._until = _IDLE_S

    def reset(self) -> None:
        """Full health and the first phase."""
        self.hp = float(self.model.max_hp)
        self.second_phase = False
        self._begin_idling()

    def advance(self, dt: float, player: Character, *, may_attack: bool, may_move: bool) -> None:
        """Let `dt` seconds pass: continue the attack or the walk, or choose the next."""
        self.elapsed += dt
        if self._attack is not None:
            self._continue_attack(self._attack, dt, player, may_attack, may_move)
        elif self.animation in self._uninterrupted:
            if self.elapsed >= self._until:
                self._begin_idling()
        else:
            self._pause -= dt
            self._roam(dt, player, may_attack, may_move)

    def _continue_attack(self, attack: Attack, dt: float, player: Character, may_attack: bool, may_move: bool) -> None:
        if may_move:
            start, end, meters = attack.lunge
            if self.elapsed < attack.tracks:
                turn_speed = _ATTACK_TURN_SPEED if self.elapsed > 0.2 else _ATTACK_TURN_SPEED_AT_START
                self.turn_towards(player, turn_speed * dt)
            if start < self.elapsed <= end and self.distance(player) > 1.6:
                self.move(self.heading, meters / (end - start) * dt)
        if self.elapsed < attack.duration:
            return
        draw = self._rng.random()
        for animation, probability in attack.follow_ups if may_attack else ():
            draw -= probability * (_FOLLOW_UP_FACTOR if self.second_phase else 1.0)
            if draw < 0:
                self._begin_attack(self.model.attacks[animation])
                return
        self._pause = self._rng.uniform(0.3, 1.5) * (_PAUSE_FACTOR if self.second_phase else 1.0)
        self._begin_idling()

    def _begin_attack(self, attack: Attack) -> None:
        self._attack = attack
        self._hits_done = 0
        self.play(attack.animation)

    def _roam(self, dt: float, player: Character, may_attack: bool, may_move: bool) -> None:
        if may_attack and not self.second_phase and self.hp <= self.model.max_hp / 2:
            self.second_phase = True
            self.play(self.model.second_phase)
            self._until = _PHASE_CHANGE_S
            return
        distance = self.distance(player)
        bearing = self.bearing(player)
        if may_attack and self._pause <= 0:
            attack = self._choose_attack(distance, abs(bearing))
            if attack is not None:
                self._begin_attack(attack)
                return
        if self.elapsed >= self._until:
            self._choose_movement(distance, bearing, may_move)
        if may_move:
            self._walk(dt, player)

    def _choose_attack(self, distance: float, angle: float) -> Attack | None:
        behind = angle > _BEHIND
        candidates = [
            attack
            for attack in self.model.attacks.values()
            if attack.nearest <= distance <= attack.farthest
            and attack.behind == behind
            and (self.second_phase or not attack.second_phase)
            and (behind or angle < _IN_FRONT)
        ]
        if not candidates:
            return None
        return self._rng.choices(candidates, [attack.weight for attack in candidates])[0]

    def _choose_movement(self, distance: float, bearing: float, may_move: bool) -> None:
        """Choose the movement until the next attack or the next choice."""
        if not may_move:
            animation = "IdleBattle"
            seconds = 0.5
        elif abs(bearing) > _IN_FRONT:
            animation = _TURNS[bearing > 0, abs(bearing) > _TURN_AROUND]
            seconds = 0.8
        elif distance > self.model.runs_from:
            animation = "RunBattle"
            seconds = 0.4
        elif distance > 4.5:
            animation = "WalkFrontBattle"
            seconds = 0.4
        else:
            animation = self._rng.choice(("WalkLeftBattle", "WalkRightBattle", "IdleBattle"))
            seconds = self._rng.uniform(0.4, 0.9)
        if animation == self.animation:
            # The same animation goes on: the game does not start it again, and neither does its duration.
            self._until = self.elapsed + seconds
        else:
            self.play(animation)
            self._until = seconds

    def _walk(self, dt: float, player: Character) -> None:
        animation = self.animation
        self.turn_towards(player, _TURN_SPEED * dt)
        if animation == "WalkFrontBattle":
            self.move(self.heading, self.model.walk_speed * dt)
        elif animation == "RunBattle":
            self.move(self.heading, self.model.run_speed * dt)
        elif animation == "WalkLeftBattle":
            self.move(wrap(self.heading - pi / 2), _STRAFE_SPEED * dt)
        elif animation == "WalkRightBattle":
            self.move(wrap(self.heading + pi / 2), _STRAFE_SPEED * dt)

    def active_hit(self, player: Character) -> Hit | None:
        """The hit that reaches the player now, or None. It stays active until `land` is called or its time is over."""
        attack = self._attack
        if attack is None or self._hits_done >= len(attack.hits):
            return None
        hit = attack.hits[self._hits_done]
        if self.elapsed > hit.end:
            self._hits_done += 1
            return None
        reach = hit.reach + (_REACH_BONUS if self.second_phase else 0.0)
        if self.elapsed < hit.start or self.distance(player) > reach or abs(self.bearing(player)) > hit.arc:
            return None
        return hit

    def land(self, hit: Hit) -> float:
        """Use up the active hit, and return its damage in hit points."""
        self._hits_done += 1
        if hit.throw:
            self._attack = None
            self.play("ThrowAtk")
            self._until = _THROW_S
        return hit.damage * (self.model.second_phase_damage if self.second_phase else 1.0)

    @property
    def stunned(self) -> bool:
        """Whether it was parried and can be struck down."""
        return self.animation == self.model.parried

    def stun(self) -> None:
        """Stop the attack because it was parried."""
        assert self.model.parried is not None, "its hits cannot be parried"
        self._attack = None
        self.play(self.model.parried)
        self._until = STUN_S

    def take_riposte(self) -> None:
        """Play the animation of a riposte; its damage comes later."""
        self.play("ThrowDef")
        self._until = _RIPOSTED_S

    def lose_hp(self, damage: float, *, deadly: bool) -> None:
        """Lose hit points; at least one is left unless `deadly`."""
        self.hp = max(self.hp - damage, 0.0 if deadly else 1.0)
