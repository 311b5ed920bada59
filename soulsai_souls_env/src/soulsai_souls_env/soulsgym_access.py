"""The one place that imports soulsgym, and makes up for what newer gymnasium versions took from it."""

from __future__ import annotations

from types import ModuleType

from soulsai_souls_env.error_messages import missing_soulsgym


def import_soulsgym() -> ModuleType:
    """soulsgym with its environments registered. Raises EnvironmentFailure if it, or what it needs, is missing."""
    import gymnasium

    if not hasattr(gymnasium.error, "RetriesExceededError"):  # removed in gymnasium 1.0, needed by soulsgym 1.1
        lost = type("RetriesExceededError", (gymnasium.error.Error,), {})
        setattr(gymnasium.error, lost.__name__, lost)
    try:
        import soulsgym
        import soulsgym.envs.soulsenv  # what it imports is missing now rather than in the middle of gymnasium.make
    except ImportError as error:
        raise missing_soulsgym(error) from error
    return soulsgym
