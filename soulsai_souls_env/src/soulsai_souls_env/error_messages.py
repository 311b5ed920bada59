"""Sentences for what is missing when the game cannot be played."""

from __future__ import annotations

import platform

from soulsai_core import EnvironmentFailure, EnvironmentNotReady

SIMULATED = "To train without the game, use the simulated one: environment.config.game: simulated."
_NOT_RUNNING = "Dark Souls III is not running. Start it, load your character and stand at the first bonfire."
_NOT_LOADED = "The player is not loaded. Load your character and stand at the bonfire."
_RESOLUTION = "Set the game to windowed mode at 800x450 (System, Screen settings)."
_MEMORY = "The game's memory could not be read: it is closing, starting or loading. Load your character."
_PLAYER_CAN_HELP = (
    ("not open", _NOT_RUNNING),
    ("Could not find process", _NOT_RUNNING),
    ("DarkSoulsIII.exe not found", _NOT_RUNNING),
    ("not loaded into the game", _NOT_LOADED),
    ("not seem to be ingame", _NOT_LOADED),
    ("Window not found", "The game's window was not found. Start Dark Souls III and load your character."),
    ("crop", _RESOLUTION),
    ("800x450", _RESOLUTION),
    (
        "setup failed",
        "The fight could not be set up. Stand at the bonfire Cemetery of Ash, close all menus and windows.",
    ),
    ("MemoryReadError", _MEMORY),
    ("MemoryWriteError", _MEMORY),
)
_FOR_GOOD = (
    ("Injection", "The game's speed cannot be set. Run this program as administrator."),
    ("could not be resolved", "The game is not the version that this soulsgym knows. Bring both up to date."),
)


def missing_soulsgym(error: ImportError) -> EnvironmentFailure:
    """soulsgym, or something that it needs, is not installed."""
    name = error.name or "soulsgym"
    return EnvironmentFailure(f"{name} is not installed here, which the Souls environments need: pip install soulsgym")


def check_platform(env_id: str) -> None:
    """Raise EnvironmentFailure where the real game cannot run."""
    if platform.system() != "Windows":
        raise EnvironmentFailure(
            f"{env_id} plays Dark Souls III, which needs Windows, and this is {platform.system()}. {SIMULATED}"
        )


def cannot(what: str, env_id: str, error: Exception) -> EnvironmentFailure:
    """What to do about an error while the environment was to "start" or "reset". What the player can put right beside
    the running client is EnvironmentNotReady."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    for kind, signs in ((EnvironmentNotReady, _PLAYER_CAN_HELP), (EnvironmentFailure, _FOR_GOOD)):
        for sign, advice in signs:
            if sign.lower() in said.lower():
                return kind(f"{env_id} could not {what}. {advice} ({said})")
    return EnvironmentFailure(f"{env_id} could not {what}. ({said})")
