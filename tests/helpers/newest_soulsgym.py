"""A stand-in for soulsgym's newest source: its names and signatures as far as we use them, written from a description.

The names of its modules are made by `install`. Its environments do what the originals are described to do: they wait
until a tenth of a second of the game's time is over, count health themselves and refill that of the game.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium
import numpy as np
import yaml

from soulsai_souls_env.animations import IUDEX_NAMES, PLAYER_NAMES

VORDT: dict[str, Any] = {
    "attacks": [3000, 3001, 3007, 3008, 3009, 3010, 3017, 3019, 3020, 3021, 6001, 6002, 6003, 9910],
    "others": "WalkFrontBattle WalkRightBattle WalkLeftBattle IdleBattle TurnBattle_Right90 TurnBattle_Left90 "
    "TurnBattle_Right180 TurnBattle_Left180 RunBattle Step6001 Step6002 Step6003 SABreak",
}
COORDINATES: dict[str, dict[str, Any]] = {
    "iudex": {
        "fog_wall": [125.710762, 558.4857178, -64.05046082, -2.987891674],
        "post_fog_wall": [126.49, 560.53, -64.047, -2.78],
        "bonfire": [104, 507, -50],
        "player_init_pose": [132.176, 575.064, -68.066, -2.768],
        "player_init_poses_random": [[132.176, 575.064, -68.066, -2.768], [128.62, 588.938, -68.699, -1.954]],
        "boss_init_pose": [141.3, 591.9, -68.8, 0.6],
    },
    "vordt": {
        "fog_wall": [27.9, 46.0, -25.64, 0.0],
        "post_fog_wall": [27.74, 43.22, -25.57, 0.0],
        "bonfire": [27.6, 157.9, -9.84, -3.0],
        "player_init_pose": [28.24, 37.0, -26.0, 0.0],
        "boss_init_pose": [27.0, 2.0, -25.0, 3.1],
    },
}
KEYS = "forward backward left right lightattack roll useitem lock_on interact"
KEYS += " cameraup cameradown cameraleft cameraright heavyattack parry"
WAYS = ["forward", "right"], ["right", "backward"], ["backward", "left"], ["left", "forward"]


class StaticGameData:
    def __init__(self, game_id: str) -> None:
        self.keybindings = {action: action for action in KEYS.split()}
        self.keymap = {action: number for number, action in enumerate(KEYS.split())}
        walks = [keys for one, other in WAYS for keys in ([one], [one, other])]
        others = [["lightattack"], ["heavyattack"], ["parry"], []]
        self.actions = dict(enumerate([*walks, *[[*keys, "roll"] for keys in walks], *others]))
        self.coordinates = {
            boss: {name: np.array(place) for name, place in places.items()} for boss, places in COORDINATES.items()
        }
        self.player_animations = tables()["player"]
        self.boss_animations = tables()["boss"]
        self.critical_player_animations: dict[str, Any] = {"DeathIdle": [0, 0, 0]}
        self.player_stats = {"iudex": [9], "vordt": [15]}


def tables() -> dict[str, Any]:
    """The names in our order, with the timings of the package that is installed."""
    data = Path(str(distribution("soulsgym").locate_file("soulsgym/core/data/darksouls3/animations.yaml")))
    timings = yaml.safe_load(data.read_text(encoding="utf-8"))["player"]["standard"]
    vordt = [*(f"Attack{number}" for number in VORDT["attacks"]), *VORDT["others"].split()]
    bosses = {"iudex": IUDEX_NAMES, "vordt": vordt}
    return {
        "player": {name: {"ID": number, "timings": timings[name]} for number, name in enumerate(PLAYER_NAMES)},
        "boss": {
            boss: {"all": {name: {"ID": number} for number, name in enumerate(names)}} for boss, names in bosses.items()
        },
    }


class GameInput:
    """Holds the keys of the queued actions, and taps those that are not to be held."""

    taps = ("roll", "lightattack", "heavyattack", "parry")

    def __init__(self, game_id: str, game_speed: float = 1.0) -> None:
        data = StaticGameData(game_id)
        self.keybindings = data.keybindings
        self.keymap = data.keymap
        self.state = dict.fromkeys(self.keybindings, False)
        self.queued: list[str] = []
        self.press_duration = 0.05 / game_speed

    def add_action(self, action: str) -> None:
        self.queued.append(action)

    def add_actions(self, actions: list[str]) -> None:
        self.queued.extend(actions)

    def update_input(self) -> None:
        self._hold({action for action in self.queued if action not in self.taps})
        for action in self.taps:
            if action in self.queued:
                self.single_action(action, self.press_duration)
        self.queued.clear()

    def reset(self) -> None:
        self._hold(set())
        self.queued.clear()

    def _hold(self, wanted: set[str]) -> None:
        for action, held in self.state.items():
            if held != (action in wanted):
                self.state[action] = not held
                change = self._release_key if held else self._press_key
                change(self.keymap[self.keybindings[action]])

    def single_action(self, action: str, press_time: float = 0.15) -> None:
        raise NotImplementedError

    def _press_key(self, key_hex_code: int) -> None:
        raise NotImplementedError

    def _release_key(self, key_hex_code: int) -> None:
        raise NotImplementedError


@dataclass
class GameState:
    phase: int = 1
    player_hp: int = 0
    player_max_hp: int = 1
    player_sp: int = 0
    player_max_sp: int = 1
    boss_hp: int = 0
    boss_max_hp: int = 1
    player_pose: Any = field(default_factory=lambda: np.zeros(4, np.float32))
    boss_pose: Any = field(default_factory=lambda: np.zeros(4, np.float32))
    camera_pose: Any = field(default_factory=lambda: np.zeros(6, np.float32))
    player_animation: str = "NoAnimation"
    player_animation_duration: float = 0.0
    boss_animation: str = "NoAnimation"
    boss_animation_duration: float = 0.0
    lock_on: bool = False

    def copy(self) -> GameState:
        return GameState(**{part.name: getattr(self, part.name) for part in fields(self)})


class SoulsEnv(gymnasium.Env):
    ENV_ID: str
    ARENA_LIM_LOW: list[float]
    ARENA_LIM_HIGH: list[float]
    step_size = 0.1

    def __init__(self, game_speed: float = 1.0, skip_steps: bool = False) -> None:
        soulsenv = sys.modules["soulsgym.envs.soulsenv"]
        self.game = soulsenv.game_factory("DarkSoulsIII")
        self._game_input = soulsenv.GameInput("DarkSoulsIII", game_speed=game_speed)
        self._game_window = soulsenv.GameWindow("DarkSoulsIII")
        self._game_speed = game_speed
        self._game_state: GameState = None  # type: ignore[assignment]
        self._skip_steps = skip_steps
        self._arena_init = False
        self.terminated = False
        self._last_hard_reset = time.time()
        self.action_space = gymnasium.spaces.Discrete(20)
        self.observation_space = gymnasium.spaces.Dict()
        self.game.lock_on_bonus_range = 45
        self.game.allow_deaths = False
        self.game.resume()

    def of_boss(self, part: str) -> Any:
        return getattr(self.game, f"{self.ENV_ID}_{part}")

    def game_state(self) -> GameState:
        state = GameState()
        for part in fields(GameState):
            if part.name == "phase" or part.name.endswith("duration"):
                continue
            boss = part.name.startswith("boss_")
            value = self.of_boss(part.name.removeprefix("boss_")) if boss else getattr(self.game, part.name)
            setattr(state, part.name, value)
        return state

    @property
    def obs(self) -> Any:
        observation = {part.name: getattr(self._game_state, part.name) for part in fields(GameState)}
        for who, table in (
            ("player", self.game.data.player_animations),
            ("boss", self.game.data.boss_animations[self.ENV_ID]["all"]),
        ):
            observation[f"{who}_animation"] = table.get(observation[f"{who}_animation"], {"ID": -1})["ID"]
        return observation

    @property
    def info(self) -> dict[str, Any]:
        return {"allowed_actions": self.current_valid_actions()}

    def current_valid_actions(self) -> list[int]:
        state = self._game_state
        unknown = {"timings": [0, 0, 0]}
        attack, roll, move = self.game.data.player_animations.get(state.player_animation, unknown)["timings"]
        since = state.player_animation_duration
        rested = state.player_sp > 0
        walks = range(8) if since >= move else ()
        rolls = range(8, 16) if rested and since >= roll else ()
        hits = range(16, 19) if rested and since >= attack else ()
        return [*walks, *rolls, *hits, 19]

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        before = self._game_state.copy()
        self._step(action)
        while self._skip_steps and len(self.current_valid_actions()) == 1 and not self.terminated:
            self._step(19)
        now = self._game_state
        lost = (before.player_hp - now.player_hp) / now.player_max_hp
        reward = (before.boss_hp - now.boss_hp) / now.boss_max_hp - lost
        return self.obs, reward, self.terminated, False, self.info

    def _step(self, action: int) -> None:
        before = self._game_state
        self.game.game_speed = self._game_speed
        start = self.game.time
        began = {"player": start, "boss": start}
        playing = {"player": before.player_animation, "boss": before.boss_animation}
        if action in self.current_valid_actions():
            self._game_input.add_actions(self.game.data.actions[action])
        self._game_input.update_input()
        while self.game.timed(self.game.time, start) < self.step_size - 0.01:
            for who, animation in (("player", self.game.player_animation), ("boss", self.of_boss("animation"))):
                if animation != playing[who]:
                    playing[who] = animation
                    began[who] = self.game.time
        self.game.pause()
        end = self.game.time
        state = self.game_state()
        for who in ("player", "boss"):
            went_on = getattr(before, f"{who}_animation") == getattr(state, f"{who}_animation")
            earlier = getattr(before, f"{who}_animation_duration") if went_on else 0
            setattr(state, f"{who}_animation_duration", earlier + self.game.timed(end, began[who]))
            lost = getattr(state, f"{who}_max_hp") - getattr(state, f"{who}_hp")
            setattr(state, f"{who}_hp", max(getattr(before, f"{who}_hp") - lost, 0))
        self._game_state = state
        self.terminated = 0 in (state.player_hp, state.boss_hp)
        self.game.reset_player_hp()
        self.game.reset_boss_hp(self.ENV_ID)
        if not state.lock_on and "Throw" not in state.player_animation:
            self._lock_on()

    def _lock_on(self) -> None:
        way = (self.of_boss("pose") - self.game.player_pose)[:3]
        camera = self.game.camera_pose
        if np.dot(camera[3:], way / np.linalg.norm(way)) > 0.8:
            self._game_input.add_action("lock_on")
            return
        off = np.arctan2(camera[3], camera[4]) - np.arctan2(*way[:2])
        self._game_input.add_action("cameraleft" if (off + np.pi) % (2 * np.pi) > np.pi else "cameraright")

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        self._game_input.reset()
        self._game_window.focus()
        if not self.game.is_ingame:
            raise RuntimeError("Player does not seem to be ingame")
        if not self.of_boss("flags") or time.time() - self._last_hard_reset > 900:
            setattr(self.game, f"{self.ENV_ID}_flags", True)
            self.game.reload()
            self._arena_init = False
            self._last_hard_reset = time.time()
        if not self._arena_init:
            self._enter_arena()
        self._place()
        self.game.pause()
        self.terminated = False
        self._game_state = self.game_state()
        return self.obs, self.info

    def _enter_arena(self) -> None:
        self.game.game_speed = 3
        self.game.player_pose = self.game.data.coordinates[self.ENV_ID]["fog_wall"]
        self.game.sleep(0.2)
        self._game_input.single_action("interact")
        self.game.clear_cache()
        while self.game.player_animation != "Idle":
            self.game.sleep(0.1)
        self._arena_init = True
        self._set_up_phase()

    def _set_up_phase(self) -> None:
        pass

    def _pose(self) -> Any:
        return self.game.data.coordinates[self.ENV_ID]["player_init_pose"]

    def _place(self) -> None:
        self.game.game_speed = 3
        self._allow(False)
        self.game.reset_player_sp()
        self.game.reset_boss_hp(self.ENV_ID)
        pose = self._pose()
        if self.game.lock_on:
            self._game_input.single_action("lock_on", 0.005)
        while self.game.player_animation != "Idle" or not self.of_boss("animation").startswith(("Idle", "Walk")):
            self.game.sleep(0.01)
        self.game.player_pose = pose
        setattr(self.game, f"{self.ENV_ID}_pose", self.game.data.coordinates[self.ENV_ID]["boss_init_pose"])
        while not self.game.lock_on:
            self._lock_on()
            self._game_input.update_input()
            self.game.sleep(0.01)
            self._game_input.reset()
        self._allow(True)

    def _allow(self, flag: bool) -> None:
        self.game.allow_attacks = flag
        self.game.allow_hits = flag
        self.game.allow_moves = flag

    def close(self) -> None:
        self.game.resume()


class IudexEnv(SoulsEnv):
    ENV_ID = "iudex"
    ARENA_LIM_LOW = [110.0, 540.0, -73.0, -3.1416]
    ARENA_LIM_HIGH = [190.0, 640.0, -55.0, 3.1416]

    def __init__(
        self, game_speed: float = 1.0, phase: int = 1, random_player_pose: bool = False, skip_steps: bool = False
    ) -> None:
        super().__init__(game_speed, skip_steps)
        self.phase = phase
        self._random_player_pose = random_player_pose

    @property
    def info(self) -> dict[str, Any]:
        mask = np.zeros(20, np.bool_)
        mask[self.current_valid_actions()] = True
        return {"action_mask": mask}

    def _pose(self) -> Any:
        poses = self.game.data.coordinates["iudex"]["player_init_poses_random"]
        return random.choice(poses) if self._random_player_pose else super()._pose()

    def _set_up_phase(self) -> None:
        if self.phase == 2:
            self.game.iudex_hp = 100
            while self.game.iudex_animation != "Attack1500":
                self.game.sleep(0.1)
            while self.game.iudex_animation == "Attack1500":
                self.game.sleep(0.1)


class IudexImgEnv(IudexEnv):
    def __init__(
        self,
        game_speed: float = 1.0,
        phase: int = 1,
        random_player_pose: bool = False,
        skip_steps: bool = False,
        resolution: tuple[int, int] = (90, 160),
    ) -> None:
        super().__init__(game_speed, phase, random_player_pose, skip_steps)
        self.observation_space = gymnasium.spaces.Box(0, 255, (*resolution, 3), np.uint8)
        self.game.img_resolution = resolution

    @property
    def obs(self) -> Any:
        return self.game.img

    @property
    def info(self) -> dict[str, Any]:
        return {**super().info, "boss_hp": self._game_state.boss_hp}


class VordtEnv(SoulsEnv):
    """As in the original, `phase` is taken and does nothing."""

    ENV_ID = "vordt"
    ARENA_LIM_LOW = [13.0, -7.0, -27.0, -3.1416]
    ARENA_LIM_HIGH = [42.0, 46.0, -15.0, 3.1416]

    def __init__(self, game_speed: float = 1.0, phase: int = 1, skip_steps: bool = False) -> None:
        super().__init__(game_speed, skip_steps)
        self.phase = phase
        self._phase_init = False

    @property
    def obs(self) -> Any:
        frost = {name: getattr(self.game, f"player_{name}") for name in ("frost_resistance", "frost_effect")}
        return super().obs | {name: np.array([value], np.float32) for name, value in frost.items()}


def _modules() -> dict[str, dict[str, Any]]:
    """The modules' names and contents."""
    missing = {"game_factory": None, "GameWindow": None}
    return {
        "soulsgym": {},
        "soulsgym.core": {},
        "soulsgym.core.static": {
            "player_animations": {"DarkSoulsIII": tables()["player"]},
            "boss_animations": {"DarkSoulsIII": tables()["boss"]},
        },
        "soulsgym.core.game_input": {"GameInput": GameInput},
        "soulsgym.games": {},
        "soulsgym.games.game": {"StaticGameData": StaticGameData},
        "soulsgym.envs": {},
        "soulsgym.envs.game_state": {"GameState": GameState},
        "soulsgym.envs.soulsenv": {"SoulsEnv": SoulsEnv, "GameInput": GameInput, **missing},
        "soulsgym.envs.darksouls3": {},
        "soulsgym.envs.darksouls3.iudex": {"IudexEnv": IudexEnv, "IudexImgEnv": IudexImgEnv},
        "soulsgym.envs.darksouls3.vordt": {"VordtEnv": VordtEnv},
    }


IDS = {"Iudex": "iudex:IudexEnv", "IudexImg": "iudex:IudexImgEnv", "Vordt": "vordt:VordtEnv"}


@contextmanager
def installed() -> Iterator[None]:
    """While the block runs, this is the soulsgym that is imported."""

    def affected(name: str) -> bool:
        # The simulated game subclasses a class of soulsgym, so its modules are imported anew.
        return name.split(".")[0] == "soulsgym" or name.startswith("soulsai_souls_env.simulated_game")

    before = {name: module for name, module in sys.modules.items() if affected(name)}
    environments = {id: spec for id, spec in gymnasium.registry.items() if id.startswith("SoulsGym")}
    for name in before:
        del sys.modules[name]
    for id in environments:
        del gymnasium.registry[id]
    for name, contents in _modules().items():
        module = sys.modules[name] = ModuleType(name)
        module.__dict__.update(contents)
        module.__path__ = []  # packages and modules alike: nothing is looked for on the disk
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
    for id, entry in IDS.items():
        gymnasium.register(f"SoulsGym{id}-v0", f"soulsgym.envs.darksouls3.{entry}", max_episode_steps=3000)
    try:
        yield
    finally:
        for name in [name for name in sys.modules if affected(name)]:
            del sys.modules[name]
        sys.modules.update(before)
        for id in IDS:
            del gymnasium.registry[f"SoulsGym{id}-v0"]
        gymnasium.registry.update(environments)
