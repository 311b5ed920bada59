"""Player, boss and camera together, and what they do to each other."""

from __future__ import annotations

import random
from typing import Any

from soulsai_souls_env.simulated_game.attacks import Hit
from soulsai_souls_env.simulated_game.boss import THROW_HURTS_S, Boss
from soulsai_souls_env.simulated_game.camera import Camera
from soulsai_souls_env.simulated_game.frost import BITE, SLOWED, Frost
from soulsai_souls_env.simulated_game.model import BossModel
from soulsai_souls_env.simulated_game.player import MAX_HP, MAX_SP, RIPOSTE_DAMAGE, Player

# Meters.
_RIPOSTE_RANGE = 2.8
# Half angles in radians, around the player's heading.
_STRIKE_ARC = 1.1
_PARRY_ARC = 1.2
# Seconds since the animation began.
_FOG_GATE_S = 2.0
_RIPOSTE_HURTS_S = 1.2
# Between these seconds of its throw the boss throws the player away, at this speed in meters a second.
_THROWN_FROM_S = 4.0
_THROWN_UNTIL_S = 4.6
_THROWN_SPEED = 12.0

_THROUGH_FOG = "Event63010"
_FOG_GATE_REACH = 1.0


class Arena:
    """The state of the fight.

    Attributes:
        held_keys: the keys that are down.
        frost: what the boss' cold does to the player.
        allow_attacks, allow_hits, allow_moves, allow_deaths: the game's flags, for both characters.
    """

    def __init__(self, model: BossModel, data: Any, rng: random.Random) -> None:
        self.held_keys: set[str] = set()
        self.allow_attacks = True
        self.allow_hits = True
        self.allow_moves = True
        self.allow_deaths = True
        self.player = Player(data.player_animations, model.floor)
        self.boss = Boss(model, rng)
        self.frost = Frost()
        self.camera = Camera()
        self._positions = data.coordinates[model.name]
        self._grab_damage = 0.0
        self._riposte_due = False
        self.respawn()

    def respawn(self) -> None:
        """Put the player at the bonfire and the boss where it waits, both with full health."""
        x, y, z = self._positions["bonfire"][:3]
        self.player.place(x, y, z, 0.0)
        self.boss.place(*self._positions["boss_init_pose"])
        self.player.hp = float(MAX_HP)
        self.player.sp = float(MAX_SP)
        self.player.play("Idle")
        self.boss.reset()
        self.frost.reset()
        self.player.recovery = 1.0
        self.camera.locked = False
        self.held_keys.clear()

    def press(self, key: str, lock_on_bonus_range: float) -> None:
        """Press a key, which stays down until it is removed from `held_keys`."""
        self.held_keys.add(key)
        if key == "lockon":
            self.camera.toggle_lock(self.player, self.boss, lock_on_bonus_range)
        elif key == "interact":
            self._enter_fog_gate()
        # Without attacks the player may still roll: soulsgym forbids attacks while it sets up the fight.
        elif self.allow_moves and (self.allow_attacks or key == "roll"):
            before = self.player.animation
            self.player.press(key, self.held_keys, self._target_heading(), self._may_riposte())
            if self.player.animation == "ThrowAtk" != before:
                self.boss.take_riposte()
                self._riposte_due = True

    def _target_heading(self) -> float:
        return self.player.heading_to(self.boss) if self.camera.locked else self.camera.heading

    def _may_riposte(self) -> bool:
        return self.boss.stunned and self.player.distance(self.boss) < _RIPOSTE_RANGE

    def _enter_fog_gate(self) -> None:
        x, y, z, _ = self._positions["fog_wall"]
        if abs(self.player.x - x) + abs(self.player.y - y) + abs(self.player.z - z) < _FOG_GATE_REACH:
            self.player.play(_THROUGH_FOG)

    def advance(self, dt: float) -> None:
        """Let `dt` seconds of game time pass."""
        player = self.player
        boss = self.boss
        if player.animation == _THROUGH_FOG:
            self._pass_fog_gate(dt)
            return
        frost = self.frost
        if frost.effect or frost.resistance < 1.0:
            frost.advance(dt)
            player.recovery = SLOWED if frost.effect else 1.0
        player.advance(dt, self.held_keys, self._target_heading(), self.allow_moves)
        boss.advance(dt, player, may_attack=self.allow_attacks, may_move=self.allow_moves)
        self.camera.advance(dt, player, boss, self.held_keys)
        if player.animation == "ThrowDef":
            self._advance_grab(dt)
        elif player.animation == "ThrowAtk":
            self._advance_riposte()
        else:
            self._keep_apart()
        self._resolve_hits()

    def _pass_fog_gate(self, dt: float) -> None:
        self.player.elapsed += dt
        if self.player.elapsed >= _FOG_GATE_S:
            self.player.place(*self._positions["post_fog_wall"])
            self.player.play("Idle")

    def _resolve_hits(self) -> None:
        # `land_strike` is called even if hits are not allowed: the strike is spent and costs stamina all the same.
        strike = self.player.land_strike()
        if strike is not None and self.allow_hits:
            damage, reach = strike
            if self.player.distance(self.boss) <= reach and abs(self.player.bearing(self.boss)) < _STRIKE_ARC:
                self.boss.lose_hp(damage, deadly=self.allow_deaths)
        hit = self.boss.active_hit(self.player)
        if hit is not None and self.allow_hits and not self.player.invulnerable:
            self._hit_player(hit)

    def _hit_player(self, hit: Hit) -> None:
        damage = self.boss.land(hit)
        parried = self.boss.model.parried is not None and not hit.throw and self.player.parries
        if parried and abs(self.player.bearing(self.boss)) < _PARRY_ARC:
            self.boss.stun()
            return
        self.player.take_hit(hit, damage, deadly=self.allow_deaths)
        self._grab_damage = damage if hit.throw else 0.0
        if hit.frost and self.frost.take(hit.frost):
            self.player.lose_hp(BITE * MAX_HP, deadly=self.allow_deaths)
        self.camera.locked = self.camera.locked and not hit.throw

    def _advance_grab(self, dt: float) -> None:
        """The boss holds the player, hurts it once, and throws it away."""
        if self.boss.animation != "ThrowAtk":
            return
        if self._grab_damage and self.boss.elapsed >= THROW_HURTS_S:
            self.player.lose_hp(self._grab_damage, deadly=self.allow_deaths)
            self._grab_damage = 0.0
        if _THROWN_FROM_S < self.boss.elapsed < _THROWN_UNTIL_S:
            self.player.move(self.boss.heading, _THROWN_SPEED * dt)

    def _advance_riposte(self) -> None:
        if self._riposte_due and self.player.elapsed >= _RIPOSTE_HURTS_S:
            self.boss.lose_hp(RIPOSTE_DAMAGE, deadly=self.allow_deaths)
            self._riposte_due = False

    def _keep_apart(self) -> None:
        distance = self.player.distance(self.boss)
        body = self.boss.model.body
        if distance < body:
            self.player.move(self.boss.heading_to(self.player), body - distance)
