"""All that differs between soulsgym's versions.

PyPI's release of 2023 and the newest source both call themselves 1.1.0, so nothing here looks at a version. What is
there decides: names, signatures and attributes of classes. Whatever uses soulsgym calls `import_soulsgym` first.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from soulsai_core import EnvironmentFailure
from soulsai_souls_env.error_messages import missing_environment, missing_soulsgym

if TYPE_CHECKING:
    from soulsai_souls_env.config import SoulsConfig

GAME = "DarkSoulsIII"

_RANDOM_POSE = ("random_player_pose", "init_pose_randomization")
"""Names of the constructors' argument for a random position of the player, the newest first."""
_STATES = ("_game_state", "_internal_state")
"""Names of the attribute in which an environment keeps its own count of the fight, the newest first."""
_STATE_MODULES = ("soulsgym.envs.game_state", "soulsgym.core.game_state")

# Rows and columns of soulsgym's pictures: what they are unless another resolution is asked for, and at most.
_USUAL_RESOLUTION = (90, 160)
_LARGEST_RESOLUTION = (450, 800)

# Seconds of game time in which a boss comes to the player and changes its phase.
_PHASE_CHANGE_S = 15.0


def import_soulsgym() -> ModuleType:
    """soulsgym with its environments registered.

    Raises:
        EnvironmentFailure: if soulsgym, or a package that it needs, is missing.
    """
    import gymnasium

    # gymnasium 1.0 removed this class, and every soulsgym imports it.
    if not hasattr(gymnasium.error, "RetriesExceededError"):
        missing = type("RetriesExceededError", (gymnasium.error.Error,), {})
        setattr(gymnasium.error, missing.__name__, missing)
    try:
        import soulsgym

        # gymnasium.make would import it: a missing package is better named here than in the middle of that.
        import soulsgym.envs.soulsenv
    except ImportError as error:
        raise missing_soulsgym(error) from error
    return soulsgym


def environment_class(env_id: str) -> type:
    """The class that `gymnasium.make` constructs. Raises EnvironmentFailure if this soulsgym does not have it."""
    import gymnasium

    spec = gymnasium.registry.get(env_id)
    if spec is None:
        raise missing_environment(env_id, sorted(name for name in gymnasium.registry if name.startswith("SoulsGym")))
    module, _, name = str(spec.entry_point).partition(":")
    found: type = getattr(importlib.import_module(module), name)
    return found


def constructor_arguments(config: SoulsConfig) -> dict[str, Any]:
    """The arguments with which the environment is made, by the names that it has for them.

    Raises:
        EnvironmentFailure: if it does not have what a setting asks for.
    """
    accepted = inspect.signature(environment_class(config.id)).parameters
    arguments: dict[str, Any] = {"game_speed": config.game_speed}
    # The demo environments have both phases and take no such argument.
    if "phase" in accepted:
        arguments["phase"] = config.phase
    pose = next((name for name in _RANDOM_POSE if name in accepted), None)
    if pose is not None:
        arguments[pose] = config.init_pose_randomization
    elif config.init_pose_randomization:
        raise _unavailable(config.id, "always starts at the same position", "init_pose_randomization: false")
    if config.skip_steps and "skip_steps" not in accepted:
        raise _unavailable(config.id, "cannot skip steps in the soulsgym installed here", "skip_steps: false")
    if config.skip_steps:
        arguments["skip_steps"] = True
    resolution = (config.image.height, config.image.width)
    # A picture of the game's size has more to scale down from than one that was scaled down already.
    if "resolution" in accepted and resolution != _USUAL_RESOLUTION and _fits(resolution):
        arguments["resolution"] = resolution
    return {**arguments, **config.kwargs}


def _unavailable(env_id: str, why: str, setting: str) -> EnvironmentFailure:
    return EnvironmentFailure(f"{env_id} {why}: set environment.config.{setting}.")


def _fits(resolution: tuple[int, int]) -> bool:
    return all(size <= most for size, most in zip(resolution, _LARGEST_RESOLUTION, strict=True))


def state_reader(env: Any) -> Callable[[Any], Any]:
    """A function that reads the own count of the fight, a GameState, of soulsgym's environments such as this one."""
    return attrgetter(next(name for name in _STATES if hasattr(env, name)))


def game_state_class() -> type:
    """soulsgym's GameState."""
    for name in _STATE_MODULES:
        try:
            found: type = importlib.import_module(name).GameState
        except ModuleNotFoundError:
            continue
        return found
    raise EnvironmentFailure("The soulsgym installed here has no GameState in a module that is known.")


def change_phase(env: Any, boss: str) -> bool:
    """Bring a boss into its second phase where its environment should and has not done it. Returns whether it did.

    The newest soulsgym takes the argument `phase` for Vordt and never comes to use it. A boss changes its phase when it
    wants to attack and has lost half of its health. The game does not tell when it is done, so this waits.
    """
    if env.phase != 2 or getattr(env, "_phase_init", True):
        return False
    game = env.game
    setattr(game, f"{boss}_hp", 100)
    game.allow_attacks = True
    game.allow_hits = False
    game.game_speed = 3
    game.sleep(_PHASE_CHANGE_S)
    game.allow_hits = True
    game.pause()
    game.reset_boss_hp(boss)
    return True


def time_and_random(env_id: str, replacements: Mapping[str, Any]) -> tuple[ModuleType, dict[str, Any]]:
    """The module of an environment, and those of the replacements for whose names the module has something."""
    module = sys.modules[environment_class(env_id).__module__]
    return module, {name: replacement for name, replacement in replacements.items() if hasattr(module, name)}


def player_animations() -> list[str]:
    """The names of the player's animations, in the order of their ids."""
    from soulsgym.core import static

    return list(static.player_animations[GAME])


def boss_animations(boss: str) -> list[str]:
    """The names of a boss' animations, in the order of their ids. Raises EnvironmentFailure if it is unknown."""
    from soulsgym.core import static

    known = static.boss_animations[GAME]
    if boss not in known:
        raise EnvironmentFailure(
            f"The soulsgym installed here knows the animations of {', '.join(known)} only, and not of {boss}. "
            "Install a newer soulsgym."
        )
    return list(known[boss]["all"])


def arena_limits(env_id: str, boss: str) -> tuple[np.ndarray, np.ndarray]:
    """(3,) each, the lowest and the highest corner of the arena in meters."""
    found = environment_class(env_id)
    if hasattr(found, "ARENA_LIM_LOW"):
        limits: Sequence[Sequence[float]] = (found.ARENA_LIM_LOW, found.ARENA_LIM_HIGH)  # type: ignore[attr-defined]
    else:
        import yaml

        file = Path(inspect.getfile(import_soulsgym())).parent / "envs" / "config" / f"{boss}.yaml"
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
        limits = (settings["coordinate_box_low"], settings["coordinate_box_high"])
    return np.array(limits[0][:3]), np.array(limits[1][:3])
