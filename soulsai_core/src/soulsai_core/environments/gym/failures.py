"""Turns exceptions inside an environment into failures with a sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager

import gymnasium
import numpy as np

from soulsai_core.errors import EnvironmentFailure, EnvironmentRaised, PluginError, SoulsAIError

BOX2D = "gymnasium[box2d]"
"""gymnasium's own error contains this if Box2D, or the package that draws its environments, is missing."""


OLD_INTERFACE = (
    "it has the old interface of gym, whose reset returns one value and whose step returns four. gymnasium's reset "
    "takes a seed and returns (observation, info), and its step returns (observation, reward, terminated, truncated, "
    "info): wrap it, for example with shimmy's GymV21CompatibilityV0"
)


@contextmanager
def construction(env_id: str) -> Iterator[None]:
    """Turn every exception of the block into an EnvironmentFailure, except those of SoulsAI."""
    try:
        yield
    except SoulsAIError:
        raise
    except Exception as error:
        raise EnvironmentFailure(_construction_sentence(env_id, error)) from error


def one_number(rewards: np.ndarray) -> np.ndarray:
    """The reward as an array (1,), whatever shape it has. Raises ValueError unless it is one number."""
    if rewards.size != 1:
        raise ValueError(f"its reward has the shape {rewards.shape}, and must be one number")
    return rewards.reshape(1)


def failed(env_id: str, action: str, error: Exception) -> EnvironmentFailure | PluginError:
    """The failure for an exception inside `action` ("step", "reset"); the caller chains the cause."""
    # The environment may raise failures itself, and a wrapper may have a mistake: sentence and class stay.
    if isinstance(error, EnvironmentFailure | PluginError):
        return type(error)(str(error))
    if _is_old_interface(action, error):
        return EnvironmentFailure(f"environment {env_id!r} failed in {action}: {OLD_INTERFACE}")
    return EnvironmentRaised(f"environment {env_id!r} failed in {action}: {_cause(error)}")


def _is_old_interface(action: str, error: Exception) -> bool:
    """Whether `step` or `reset` gave as many values as in gym. gymnasium's wrappers unpack them in several places, and
    its checker asserts, so that the error is all there is to see."""
    text = str(error)
    if isinstance(error, TypeError) and "reset() got an unexpected keyword argument 'seed'" in text:
        return True
    if action == "step":
        return isinstance(error, ValueError) and "expected 5, got 4" in text
    checked = isinstance(error, AssertionError) and "returned by `env.reset()`" in text
    unpacked = isinstance(error, ValueError | TypeError) and ("expected 2" in text or "cannot unpack" in text)
    return checked or unpacked


def _construction_sentence(env_id: str, error: Exception) -> str:
    if _is_old_interface("reset", error):
        return f"environment {env_id!r} cannot be used: {OLD_INTERFACE}"
    module, _, name = env_id.rpartition(":")
    if module and module == getattr(error.__cause__, "name", None):
        return (
            f"environment {env_id!r}: there is no module {module!r} here to register {name!r}; install it, or put "
            f"{module}.py into the folder in which the training is started"
        )
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
    """The error in words, with its notes: a checked wrapper says in one that it has raised the error."""
    cause = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return ". ".join([cause, *getattr(error, "__notes__", ())])
