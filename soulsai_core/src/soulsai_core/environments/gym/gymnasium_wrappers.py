"""Gymnasium's own wrappers by name, with arguments from the configuration."""

from __future__ import annotations

import inspect
from typing import Any

import gymnasium

from soulsai_core.errors import ConfigError


def wrap(env: gymnasium.Env, name: str, arguments: dict[str, Any]) -> gymnasium.Env:
    """The environment in this wrapper. Lists become tuples, as shapes are.

    Raises ConfigError if the arguments do not fit, or if this version of gymnasium does not have the wrapper.
    """
    import gymnasium.wrappers

    made = getattr(gymnasium.wrappers, name, None)
    if made is None:
        raise ConfigError(f"gymnasium {gymnasium.__version__} has no wrapper {name}.")
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in arguments.items()}
    try:
        inspect.signature(made).bind(env, **plain)
    except TypeError as error:
        known = ", ".join(list(inspect.signature(made).parameters)[1:]) or "none"
        raise ConfigError(
            f"environment.config.wrappers: the arguments of {name} do not fit: {error}. They are {known}."
        ) from error
    return made(env, **plain)
