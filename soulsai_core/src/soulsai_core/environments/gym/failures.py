"""Turns exceptions inside an environment into failures with a sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager

import gymnasium

from soulsai_core.errors import EnvironmentFailure, SoulsAIError

BOX2D = "gymnasium[box2d]"
"""gymnasium's own error contains this if Box2D, or the package that draws its environments, is missing."""


@contextmanager
def construction(env_id: str) -> Iterator[None]:
    """Turn every exception of the block into an EnvironmentFailure, except those of SoulsAI."""
    try:
        yield
    except SoulsAIError:
        raise
    except Exception as error:
        raise EnvironmentFailure(_construction_sentence(env_id, error)) from error


def failed(env_id: str, action: str, error: Exception) -> EnvironmentFailure:
    """The failure for an exception inside `action` ("step", "reset"); the caller chains the cause."""
    # The environment may raise failures itself: their sentence and their class stay.
    if isinstance(error, EnvironmentFailure):
        return type(error)(str(error))
    return EnvironmentFailure(f"environment {env_id!r} failed in {action}: {_cause(error)}")


def _construction_sentence(env_id: str, error: Exception) -> str:
    module, _, name = env_id.rpartition(":")
    if module and module == getattr(error.__cause__, "name", None):
        return f"environment {env_id!r}: module {module!r} is not installed here, so it cannot register {name!r}"
    if isinstance(error, gymnasium.error.Error) and _unregistered(name, error):
        return f"environment {env_id!r} is not registered with gymnasium; {_nearest(name)}"
    if isinstance(error, gymnasium.error.DependencyNotInstalled) and BOX2D in str(error):
        return f'environment {env_id!r} needs Box2D, which is not installed here: pip install "soulsai-core[box2d]"'
    return f"environment {env_id!r} could not be made: {_cause(error)}"


def _unregistered(name: str, error: Exception) -> bool:
    known = isinstance(error, gymnasium.error.UnregisteredEnv | gymnasium.error.DeprecatedEnv)
    return known or (name not in gymnasium.registry and "No registered env" in str(error))


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, gymnasium.registry, n=3, cutoff=0.6)
    if not near:
        return "no registered id is similar (an id of another package is written module:Id)"
    return f"the nearest ids are {', '.join(near)}"


def _cause(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
