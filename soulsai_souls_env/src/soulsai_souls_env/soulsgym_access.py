"""Imports soulsgym after repairing what gymnasium 1.x removed. Whatever uses soulsgym calls this first."""

from __future__ import annotations

from types import ModuleType

from soulsai_souls_env.error_messages import missing_soulsgym


def import_soulsgym() -> ModuleType:
    """soulsgym with its environments registered.

    Raises:
        EnvironmentFailure: if soulsgym, or a package that it needs, is missing.
    """
    import gymnasium

    # gymnasium 1.0 removed this class, and soulsgym 1.1 imports it.
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
