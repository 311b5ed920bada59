"""The boss: walks up, circles, turns, and attacks from a table."""

from __future__ import annotations

import random
from math import pi

from soulsai_souls_env.simulated_game.attacks import ATTACKS, SECOND_PHASE, Attack, Hit
from soulsai_souls_env.simulated_game.body import Body, wrap

MAX_HP = 1037
STUNNED = "DamageParryEnemy1"
STUN_SECONDS = 3.0
THROW_HURTS = 1.94
THROW_ENDS = 6.1
_WALK = 2.0
_STRAFE = 1.3
_TURN = 2.6
_TURNS = {(False, False): "TurnBattle_Right90", (False, True): "TurnBattle_Right180"} | {
    (True, False): "TurnBattle_Left90",
    (True, True): "TurnBattle_Left180",
}
_RIPOSTED_SECONDS = 4.0
_CHANGE_SECONDS = 4.0


class Boss(Body):
    """Attributes:
    hp: hit points.
    second_phase: whether it has changed.
    """

    def __init__(self, rng: random.Random) -> None:
        super().__init__("IdleBattle")
        self.hp = float(MAX_HP)
        self.second_phase = False
        self._rng = rng
        self._attack: Attack | None = None
        self._landed = 0
        self._pause = 0.5
        self._until = 0.0
        self._begin_idling()

    def _begin_idling(self) -> None:
        self._attack = None
        self._landed = 0
        self.play("IdleBattle")
        self._until = 0.15

    def rest(self) -> None:
        """Forget the fight: full health, first phase."""
        self.hp = float(MAX_HP)
        self.second_phase = False
        self._begin_idling()

    def pass_time(self, dt: float, player: Body, *, may_attack: bool, may_move: bool) -> None:
        """Go on with the attack or the walk, or choose the next."""
        self.since += dt
        if self._attack is not None:
            self._go_on(self._attack, dt, player, may_attack, may_move)
        elif self.since >= self._until and self.animation in (STUNNED, "ThrowAtk", "ThrowDef", SECOND_PHASE):
            self._begin_idling()
        elif self.animation not in (STUNNED, "ThrowAtk", "ThrowDef", SECOND_PHASE):
            self._pause -= dt
            self._roam(dt, player, may_attack, may_move)

    def _go_on(self, attack: Attack, dt: float, player: Body, may_attack: bool, may_move: bool) -> None:
        if may_move:
            start, end, metres = attack.lunge
            if self.since < attack.tracks:
                self.turn(player, (3.5 if self.since > 0.2 else 2.0) * dt)
            if start < self.since <= end and self.distance(player) > 1.6:
                self.go(self.heading, metres / (end - start) * dt)
        if self.since < attack.duration:
            return
        chance = self._rng.random()
        for animation, probability in attack.follow_ups if may_attack else ():
            chance -= probability * (1.5 if self.second_phase else 1.0)
            if chance < 0:
                self._begin(ATTACKS[animation])
                return
        self._pause = self._rng.uniform(0.3, 1.5) * (0.6 if self.second_phase else 1.0)
        self._begin_idling()

    def _begin(self, attack: Attack) -> None:
        self._attack = attack
        self._landed = 0
        self.play(attack.animation)

    def _roam(self, dt: float, player: Body, may_attack: bool, may_move: bool) -> None:
        if may_attack and not self.second_phase and self.hp <= MAX_HP / 2:
            self.second_phase = True
            self.play(SECOND_PHASE)
            self._until = _CHANGE_SECONDS
            return
        distance = self.distance(player)
        bearing = self.bearing(player)
        if may_attack and self._pause <= 0:
            attack = self._choose(distance, abs(bearing))
            if attack is not None:
                self._begin(attack)
                return
        if self.since >= self._until:
            self._decide(distance, bearing, may_move)
        if may_move:
            self._walk(dt, player)

    def _choose(self, distance: float, off: float) -> Attack | None:
        behind = off > 2.0
        fitting = [
            attack
            for attack in ATTACKS.values()
            if attack.nearest <= distance <= attack.farthest and attack.behind == behind and (behind or off < 1.2)
        ]
        if not fitting:
            return None
        return self._rng.choices(fitting, [attack.weight for attack in fitting])[0]

    def _decide(self, distance: float, bearing: float, may_move: bool) -> None:
        """What to do until the next attack."""
        if not may_move:
            animation = "IdleBattle"
            seconds = 0.5
        elif abs(bearing) > 1.2:
            animation = _TURNS[bearing > 0, abs(bearing) > 2.2]
            seconds = 0.8
        elif distance > 4.5:
            animation = "WalkFrontBattle"
            seconds = 0.4
        else:
            animation = self._rng.choice(("WalkLeftBattle", "WalkRightBattle", "IdleBattle"))
            seconds = self._rng.uniform(0.4, 0.9)
        if animation == self.animation:
            self._until = self.since + seconds
        else:
            self.play(animation)
            self._until = seconds

    def _walk(self, dt: float, player: Body) -> None:
        animation = self.animation
        self.turn(player, _TURN * dt)
        if animation == "WalkFrontBattle":
            self.go(self.heading, _WALK * dt)
        elif animation == "WalkLeftBattle":
            self.go(wrap(self.heading - pi / 2), _STRAFE * dt)
        elif animation == "WalkRightBattle":
            self.go(wrap(self.heading + pi / 2), _STRAFE * dt)

    # -- what happens between player and boss
    def landing(self, player: Body) -> Hit | None:
        """The hit that reaches the player now, if there is one; it stays until `landed` or its end."""
        attack = self._attack
        if attack is None or self._landed >= len(attack.hits):
            return None
        hit = attack.hits[self._landed]
        if self.since > hit.end:
            self._landed += 1
            return None
        reach = hit.reach + (0.4 if self.second_phase else 0.0)
        if self.since < hit.start or self.distance(player) > reach or abs(self.bearing(player)) > hit.arc:
            return None
        return hit

    def landed(self, hit: Hit) -> float:
        """The hit has landed, once; returns its damage."""
        self._landed += 1
        if hit.throw:
            self._attack = None
            self.play("ThrowAtk")
            self._until = THROW_ENDS
        return hit.damage * (1.15 if self.second_phase else 1.0)

    def stun(self) -> None:
        """The attack was parried."""
        self._attack = None
        self.play(STUNNED)
        self._until = STUN_SECONDS

    def riposted(self) -> None:
        """The player makes use of it."""
        self.play("ThrowDef")
        self._until = _RIPOSTED_SECONDS

    def lose(self, damage: float, *, deadly: bool) -> None:
        """Hit points go."""
        self.hp = max(self.hp - damage, 0.0 if deadly else 1.0)
