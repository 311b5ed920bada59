"""Player, boss and camera together, and what they do to each other."""

from __future__ import annotations

import random
from typing import Any

from soulsai_souls_env.simulated_game.attacks import Hit
from soulsai_souls_env.simulated_game.boss import STUNNED, THROW_HURTS, Boss
from soulsai_souls_env.simulated_game.camera import Camera
from soulsai_souls_env.simulated_game.player import RIPOSTE, Player

_TOUCH = 1.0
"""Bodies come no nearer to each other than this."""
_STRIKE_ARC = 1.1
_PARRY_ARC = 1.2
_RIPOSTE_RANGE = 2.8
_FOG_GATE_SECONDS = 2.0
_THROUGH_FOG = "Event63010"
_RIPOSTE_HURTS = 1.2


class Arena:
    """Attributes:
    held: the keys that are down.
    attacks, hits, moves, deaths: what is allowed to everybody.
    """

    def __init__(self, data: Any, rng: random.Random) -> None:
        self.held: set[str] = set()
        self.attacks = self.hits = self.moves = self.deaths = True
        self.player = Player(data.player_animations)
        self.boss = Boss(rng)
        self.camera = Camera()
        self._places = data.coordinates["iudex"]
        self._grabbed = 0.0
        self._riposte_due = False
        self.respawn()

    def respawn(self) -> None:
        """The player at the bonfire, the boss where it waits."""
        x, y, z = self._places["bonfire"]
        self.player.place(x, y, z, 0.0)
        self.boss.place(*self._places["boss_init_pose"])
        self.player.hp = 454.0
        self.player.sp = 95.0
        self.player.play("Idle")
        self.boss.rest()
        self.camera.locked = False
        self.held.clear()

    def press(self, action: str, bonus_range: float) -> None:
        """A key goes down."""
        self.held.add(action)
        if action == "lockon":
            self.camera.toggle_lock(self.player, self.boss, bonus_range)
        elif action == "interact":
            self._enter_fog_gate()
        elif self.moves and (self.attacks or action == "roll"):
            before = self.player.animation
            self.player.press(action, self.held, self._ahead(), self._may_riposte())
            if self.player.animation == "ThrowAtk" != before:
                self.boss.riposted()
                self._riposte_due = True

    def _ahead(self) -> float:
        return self.player.heading_to(self.boss) if self.camera.locked else self.camera.ahead

    def _may_riposte(self) -> bool:
        return self.boss.animation == STUNNED and self.player.distance(self.boss) < _RIPOSTE_RANGE

    def _enter_fog_gate(self) -> None:
        x, y, z, _ = self._places["fog_wall"]
        if abs(self.player.x - x) + abs(self.player.y - y) + abs(self.player.z - z) < 1.0:
            self.player.play(_THROUGH_FOG)

    def pass_time(self, dt: float) -> None:
        """A tick of the world."""
        player = self.player
        boss = self.boss
        if player.animation == _THROUGH_FOG:
            self._pass_fog(dt)
            return
        player.pass_time(dt, self.held, self._ahead(), self.moves)
        boss.pass_time(dt, player, may_attack=self.attacks, may_move=self.moves)
        self.camera.pass_time(dt, player, boss, self.held)
        if player.animation == "ThrowDef":
            self._hold(dt)
        elif player.animation == "ThrowAtk":
            self._riposte()
        else:
            self._keep_apart()
        self._fight()

    def _pass_fog(self, dt: float) -> None:
        self.player.since += dt
        if self.player.since >= _FOG_GATE_SECONDS:
            self.player.place(*self._places["post_fog_wall"])
            self.player.play("Idle")

    def _fight(self) -> None:
        blow = self.player.strike()
        if blow is not None and self.hits:
            damage, reach = blow
            if self.player.distance(self.boss) <= reach and abs(self.player.bearing(self.boss)) < _STRIKE_ARC:
                self.boss.lose(damage, deadly=self.deaths)
        hit = self.boss.landing(self.player)
        if hit is not None and self.hits and not self.player.invulnerable:
            self._be_hit(hit)

    def _be_hit(self, hit: Hit) -> None:
        damage = self.boss.landed(hit)
        if not hit.throw and self.player.parries and abs(self.player.bearing(self.boss)) < _PARRY_ARC:
            self.boss.stun()
            return
        self.player.hurt(hit, damage, deadly=self.deaths)
        self._grabbed = damage if hit.throw else 0.0
        self.camera.locked = self.camera.locked and not hit.throw

    def _hold(self, dt: float) -> None:
        """The boss holds the player, hurts and throws."""
        if self.boss.animation == "ThrowAtk":
            if self._grabbed and self.boss.since >= THROW_HURTS:
                self.player.lose(self._grabbed, deadly=self.deaths)
                self._grabbed = 0.0
            if 4.0 < self.boss.since < 4.6:
                self.player.go(self.boss.heading, 12.0 * dt)

    def _riposte(self) -> None:
        if self._riposte_due and self.player.since >= _RIPOSTE_HURTS:
            self.boss.lose(RIPOSTE, deadly=self.deaths)
            self._riposte_due = False

    def _keep_apart(self) -> None:
        gap = self.player.distance(self.boss)
        if gap < _TOUCH:
            self.player.go(self.boss.heading_to(self.player), _TOUCH - gap)
