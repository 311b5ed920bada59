"""The game object, in the place of soulsgym's interface to the memory of Dark Souls III."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import numpy as np
from pymem.exception import MemoryReadError
from soulsgym.games.game import StaticGameData

from soulsai_souls_env.adapter import game_state_class
from soulsai_souls_env.simulated_game import player as player_module
from soulsai_souls_env.simulated_game.arena import Arena
from soulsai_souls_env.simulated_game.clock import TICK, VirtualClock
from soulsai_souls_env.simulated_game.faults import Faults
from soulsai_souls_env.simulated_game.model import BossModel
from soulsai_souls_env.simulated_game.rendering import HEIGHT, WIDTH, render, resized

_RESPAWN_S = 12.0


class SimulatedGame:
    """Player, boss and camera with the properties and methods that soulsgym reads and sets, in all its versions.

    Where these have different names for the same, both names are here.

    Reading the time advances it: soulsgym waits in loops that read the time, and these loops run the simulation.

    Args:
        boss: which boss is fought.
        rng: draws what the boss does.
    """

    game_id = "DarkSoulsIII"
    player_max_hp = player_module.MAX_HP
    player_max_sp = player_module.MAX_SP

    def __init__(self, boss: BossModel, rng: random.Random, clock: VirtualClock, faults: Faults) -> None:
        self.data = StaticGameData(self.game_id)
        self._make_state = game_state_class()
        self.faults = faults
        self.clock = clock
        self.arena = Arena(boss, self.data, rng)
        self.lock_on_bonus_range = 0.0
        self.img_resolution = (HEIGHT, WIDTH)
        # soulsgym sets these; the simulation does not use them.
        self.los_lock_on_deactivate_time = 0.0
        self.last_bonfire = "Cemetery of Ash"
        self.player_stats: Iterable[int] = ()
        self.allow_weapon_durability_dmg = True
        self.allow_player_death = True
        self.gravity = True
        self._speed = 1.0
        self._boss_flags = False

    @property
    def time(self) -> int:
        """Game time in milliseconds. Reading it advances the game by a tick unless it is paused or frozen."""
        self._check_running()
        if self._speed:
            self._tick()
        return self.clock.milliseconds

    @time.setter
    def time(self, milliseconds: int) -> None:
        self.clock.milliseconds = milliseconds

    @staticmethod
    def timed(end: int, start: int) -> float:
        """Seconds between two readings; after an overflow of the game's counter, the seconds since the overflow."""
        return (end - start if end >= start else end) / 1000

    def sleep(self, seconds: float) -> None:
        """Let at least this much game time pass."""
        assert seconds > 0 and self._speed > 0, "the game can't be paused during sleeps"
        start = self.time
        while self.timed(self.time, start) <= seconds:
            pass

    def run(self, seconds: float) -> None:
        """Let this much game time pass, in whole ticks."""
        for _ in range(round(seconds * 1000) // TICK if self._speed else 0):
            self._tick()

    def _tick(self) -> None:
        if "freeze" in self.faults.active:
            self.faults.wait()
            return
        self.clock.tick()
        self.arena.advance(TICK / 1000)

    @property
    def game_speed(self) -> float:
        """0 is paused."""
        return self._speed

    @game_speed.setter
    def game_speed(self, speed: float) -> None:
        # soulsgym resumes the game at the beginning of each environment step and pauses it at the end.
        if speed and not self._speed:
            self.faults.on_step()
        self._speed = speed
        if speed:
            self.clock.speed = speed

    def pause(self) -> None:
        self.game_speed = 0

    def resume(self) -> None:
        self.game_speed = 1

    pause_game = pause
    resume_game = resume

    def clear_cache(self) -> None:
        """Forget addresses in the game's memory, of which there are none here."""

    def press(self, action: str) -> None:
        """Press a key, unless a fault keeps it from the game."""
        if not self.faults.active & {"lost_focus", "dialog"}:
            self.arena.press(_key(action), self.lock_on_bonus_range)

    def release(self, action: str) -> None:
        """Release a key."""
        self.arena.held_keys.discard(_key(action))

    def _check_running(self) -> None:
        if "crash" in self.faults.active:
            raise MemoryReadError(0, 4)

    def get_state(self, boss_id: str, use_cache: bool = False) -> Any:
        """A snapshot of the fight. soulsgym measures the durations of animations itself."""
        self._check_running()
        player = self.arena.player
        boss = self.arena.boss
        return self._make_state(
            player_hp=int(player.hp),
            player_max_hp=self.player_max_hp,
            player_sp=int(player.sp),
            player_max_sp=self.player_max_sp,
            boss_hp=int(boss.hp),
            boss_max_hp=self.boss_max_hp,
            player_pose=self.player_pose,
            boss_pose=self.boss_pose,
            camera_pose=self.camera_pose,
            player_animation=player.animation,
            boss_animation=boss.animation,
            lock_on=self.arena.camera.locked,
        )

    @property
    def is_ingame(self) -> bool:
        """Whether the player is loaded."""
        return True

    @property
    def img(self) -> np.ndarray:
        """uint8 (*img_resolution, 3)."""
        self._check_running()
        return resized(render(self.arena.player, self.arena.boss, self.arena.camera), self.img_resolution)

    @property
    def player_hp(self) -> int:
        self._check_running()
        return int(self.arena.player.hp)

    @player_hp.setter
    def player_hp(self, hp: int) -> None:
        self.arena.player.hp = float(hp)

    @property
    def player_sp(self) -> int:
        return int(self.arena.player.sp)

    @player_sp.setter
    def player_sp(self, sp: int) -> None:
        self.arena.player.sp = float(sp)

    def reset_player_hp(self) -> None:
        self.player_hp = self.player_max_hp

    def reset_player_sp(self) -> None:
        self.player_sp = self.player_max_sp

    @property
    def player_pose(self) -> np.ndarray:
        """float64 (4,): x, y, z, heading."""
        body = self.arena.player
        return np.array([body.x, body.y, body.z, body.heading])

    @player_pose.setter
    def player_pose(self, pose: Iterable[float]) -> None:
        self.arena.player.place(*pose)
        self.reset_player_hp()  # as soulsgym's own game does after a teleport

    @property
    def player_animation(self) -> str:
        self._check_running()
        return self.arena.player.animation

    @property
    def boss_hp(self) -> int:
        return int(self.arena.boss.hp)

    @boss_hp.setter
    def boss_hp(self, hp: int) -> None:
        self.arena.boss.hp = float(hp)

    @property
    def boss_max_hp(self) -> int:
        return self.arena.boss.model.max_hp

    def reset_boss_hp(self, boss_id: str) -> None:
        self.boss_hp = self.boss_max_hp

    @property
    def boss_pose(self) -> np.ndarray:
        """float64 (4,): x, y, z, heading."""
        body = self.arena.boss
        return np.array([body.x, body.y, body.z, body.heading])

    @boss_pose.setter
    def boss_pose(self, pose: Iterable[float]) -> None:
        self.arena.boss.place(*pose)

    def get_boss_pose(self, boss_id: str) -> np.ndarray:
        return self.boss_pose

    @property
    def boss_animation(self) -> str:
        return self.arena.boss.animation

    def get_boss_animation(self, boss_id: str) -> str:
        return self.boss_animation

    # The boss' name is a part of the names in soulsgym. There is one boss in a game, and it has all names.
    iudex_hp = vordt_hp = boss_hp
    iudex_max_hp = vordt_max_hp = boss_max_hp
    iudex_pose = vordt_pose = boss_pose
    iudex_animation = vordt_animation = boss_animation

    @property
    def camera_pose(self) -> np.ndarray:
        """float64 (6,): position, and the normal of the image plane."""
        return self.arena.camera.pose(self.arena.player)

    @camera_pose.setter
    def camera_pose(self, normal: Iterable[float]) -> None:
        self.arena.camera.set_normal(normal)

    @property
    def lock_on(self) -> bool:
        return self.arena.camera.locked

    @property
    def allow_attacks(self) -> bool:
        return self.arena.allow_attacks

    @allow_attacks.setter
    def allow_attacks(self, flag: bool) -> None:
        self.arena.allow_attacks = flag

    @property
    def allow_hits(self) -> bool:
        return self.arena.allow_hits

    @allow_hits.setter
    def allow_hits(self, flag: bool) -> None:
        self.arena.allow_hits = flag

    @property
    def allow_moves(self) -> bool:
        return self.arena.allow_moves

    @allow_moves.setter
    def allow_moves(self, flag: bool) -> None:
        self.arena.allow_moves = flag

    @property
    def allow_deaths(self) -> bool:
        return self.arena.allow_deaths

    @allow_deaths.setter
    def allow_deaths(self, flag: bool) -> None:
        self.arena.allow_deaths = flag

    def check_boss_flags(self, boss_id: str) -> bool:
        """Whether the boss has been met and not beaten."""
        return self._boss_flags

    def set_boss_flags(self, boss_id: str, flag: bool) -> None:
        self._boss_flags = flag

    @property
    def boss_flags(self) -> bool:
        """Whether the boss has been met and not beaten."""
        return self._boss_flags

    @boss_flags.setter
    def boss_flags(self, flag: bool) -> None:
        self._boss_flags = flag

    iudex_flags = vordt_flags = boss_flags

    @property
    def player_frost_resistance(self) -> float:
        """What is left of the resistance, from 1 to 0."""
        return self.arena.frost.resistance

    @player_frost_resistance.setter
    def player_frost_resistance(self, share: float) -> None:
        self.arena.frost.resistance = share

    @property
    def player_frost_effect(self) -> float:
        """The remaining share of a frostbite's time; 0 without one."""
        return self.arena.frost.effect

    def reload(self) -> None:
        """Let the player die and stand at the bonfire again."""
        self._check_running()
        # With these faults the real game never returns from a reload: the client's reset deadline has to end it.
        while self.faults.active & {"dialog", "freeze"}:
            self.faults.wait()
        self.resume()
        self.clock.skip(_RESPAWN_S)
        self.arena.respawn()


def _key(action: str) -> str:
    """The simulation's name of a key, which soulsgym calls "lockon" or "lock_on"."""
    return action.replace("_", "")
