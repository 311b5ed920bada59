"""Error messages that say what is missing and what to do when the game cannot be played."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence

from soulsai_core import EnvironmentFailure, EnvironmentNotReady

PROCESS = "DarkSoulsIII.exe"

SIMULATED = "To train without the game, use the simulated one: environment.config.game: simulated."
_NOT_RUNNING = "Dark Souls III is not running. Start it, load your character and stand at the first bonfire."
_NOT_LOADED = "The player is not loaded. Load your character and stand at the bonfire."
_RESOLUTION = "Set the game to windowed mode at 800x450 (System, Screen settings)."
_MEMORY = "The game's memory could not be read: it is closing, starting or loading. Load your character."

# (part of soulsgym's message or of the error's type, advice). The first match counts.
_RECOVERABLE = (
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
# What an error that names these says elsewhere than on Windows: soulsgym calls Windows itself.
_ONLY_WINDOWS = ("win32", "windll", "USER32", "kernel32", "pywintypes", "pixel_forge", "WindowCapture")
_NEEDS_WINDOWS = (
    "The game runs, but the soulsgym installed here reaches it on Windows only. Run the client with a Python for "
    "Windows in the game's Proton prefix (README of soulsai-souls-env, Linux), or install a soulsgym for Linux."
)
_PERMANENT = (
    (
        "PermissionError",
        "The system does not let this program reach the game's memory. Run both as the same user; on Linux, "
        "`sysctl kernel.yama.ptrace_scope` must be 0, or this program must have the capability CAP_SYS_PTRACE.",
    ),
    ("Injection", "The game's speed cannot be set. Run this program as administrator."),
    ("could not be resolved", "The game is not the version that this soulsgym knows. Bring both up to date."),
)


# What PyPI has is older, and its version number is the same.
NEWEST_SOULSGYM = 'pip install --force-reinstall --no-deps "soulsgym @ git+https://github.com/amacati/SoulsGym"'


def missing_environment(env_id: str, known: Sequence[str]) -> EnvironmentFailure:
    """The error for an environment that the installed soulsgym does not have."""
    return EnvironmentFailure(
        f"{env_id} is not in the soulsgym installed here, which has {', '.join(known)}. soulsgym's newest source may "
        f"have it, as it has SoulsGymVordt-v0: {NEWEST_SOULSGYM}"
    )


def missing_soulsgym(error: ImportError) -> EnvironmentFailure:
    """The error for a missing soulsgym, or a missing package that soulsgym needs."""
    name = error.name or "soulsgym"
    return EnvironmentFailure(f"{name} is not installed here, which the Souls environments need: pip install soulsgym")


def check_platform(env_id: str) -> None:
    """Raise EnvironmentFailure where no game can be reached: elsewhere than on Windows it has to run already.

    A game that runs here, as Proton makes it run on Linux, is tried: whether soulsgym can play it shows then.
    """
    system = platform.system()
    if system != "Windows" and not _runs(PROCESS):
        raise EnvironmentFailure(
            f"{env_id} plays Dark Souls III, and no {PROCESS} runs on this {system}. Start it (on Linux with Proton), "
            f"load your character and start again. {SIMULATED}"
        )


def _runs(process: str) -> bool:
    import psutil

    return any(running.info["name"] == process for running in psutil.process_iter(["name"]))


def environment_error(action: str, env_id: str, error: Exception) -> EnvironmentFailure:
    """The error to raise when the environment could not "start" or "reset", with advice where the cause is known.

    It is an EnvironmentNotReady, after which clients try again, if the player can put it right at the running game.
    """
    # The newest soulsgym tries again a few times, and then raises an error that names the cause in its chain only.
    cause = ", because of ".join(
        f"{type(one).__name__}: {one}" if str(one) else type(one).__name__ for one in _chain(error)
    )
    if platform.system() != "Windows" and any(name in cause for name in _ONLY_WINDOWS):
        return EnvironmentFailure(f"{env_id} could not {action}. {_NEEDS_WINDOWS} ({cause})")
    for kind, messages in ((EnvironmentNotReady, _RECOVERABLE), (EnvironmentFailure, _PERMANENT)):
        for part, advice in messages:
            if part.lower() in cause.lower():
                return kind(f"{env_id} could not {action}. {advice} ({cause})")
    return EnvironmentFailure(f"{env_id} could not {action}. ({cause})")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those that it was explicitly raised from."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__
