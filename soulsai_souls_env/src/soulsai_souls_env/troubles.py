"""Sentences for what is missing when the game cannot be played."""

from __future__ import annotations

import platform

from soulsai_core import EnvironmentFailure

SIMULATED = "To train without the game, use the simulated one: environment.config.game: simulated."
_RESOLUTION = "Set the game to windowed mode at 800x450 (System, Screen settings)."
_ADVICE = (
    ("not open", "Dark Souls III is not running. Start it, load your character and stand at the first bonfire."),
    (
        "Could not find process",
        "Dark Souls III is not running. Start it, load your character and stand at the bonfire.",
    ),
    ("not loaded into the game", "The player is not loaded. Load your character and stand at the bonfire."),
    ("not seem to be ingame", "The player is not loaded. Load your character and stand at the bonfire."),
    ("Window not found", "The game's window was not found. Start Dark Souls III and load your character."),
    ("crop", _RESOLUTION),
    ("800x450", _RESOLUTION),
    ("Injection", "The game's speed cannot be set. Run this program as administrator."),
    (
        "setup failed",
        "The fight could not be set up. Stand at the bonfire Cemetery of Ash, close all menus and windows.",
    ),
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


def cannot_start(env_id: str, error: Exception) -> EnvironmentFailure:
    """What to do about an error while the environment was made."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    advice = next((advice for sign, advice in _ADVICE if sign.lower() in said.lower()), None)
    return EnvironmentFailure(f"{env_id} could not be started. {advice or ''} ({said})".replace("  ", " "))
