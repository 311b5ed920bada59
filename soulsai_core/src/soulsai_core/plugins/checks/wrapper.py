"""Checks what a wrapper plugin gives: the environment, and its first observations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from soulsai_core.contracts import WrapperPlugin
from soulsai_core.errors import PluginError
from soulsai_core.plugins.checks.checker import Checker, described

if TYPE_CHECKING:
    import gymnasium


def checked_wrapper(plugin: WrapperPlugin, checker: Checker) -> WrapperPlugin:
    """The plugin with a `wrap` that checks what it gives."""

    def wrap(env: gymnasium.Env, config: Any) -> gymnasium.Env:
        import gymnasium

        made = _wrapped(plugin, env, config, checker)
        checker.expect("wrap", made, isinstance(made, gymnasium.Env), "a gymnasium.Env")
        if made is not env:
            for method in ("reset", "step"):
                _check_first(made, method, checker)
        return made

    return replace(plugin, wrap=wrap)


def _wrapped(plugin: WrapperPlugin, env: gymnasium.Env, config: Any, checker: Checker) -> Any:
    try:
        return checker.call("wrap", plugin.wrap, env, config)
    except PluginError as error:
        cause = error.__cause__
        if cause is None:
            raise
        raise PluginError(
            f"{checker.owner} cannot wrap {env}: wrap raised {type(cause).__name__}: {cause}. Either it is not for "
            "such environments, or it has a mistake."
        ) from cause


def _check_first(env: Any, method: str, checker: Checker) -> None:
    """Check the first call of a method of this object, and nothing afterwards: steps must stay fast."""
    original: Callable[..., Any] = getattr(env, method)

    def first(*args: Any, **options: Any) -> Any:
        delattr(env, method)
        result = original(*args, **options)
        # Other results, such as those of gym's old interface, get a sentence of their own later.
        if isinstance(result, tuple) and result:
            _check_observation(env, method, result[0], checker)
        return result

    setattr(env, method, first)


def _check_observation(env: Any, method: str, observation: Any, checker: Checker) -> None:
    from gymnasium.spaces import Box

    space = env.observation_space
    # Bounds are not checked: many environments leave theirs by a little.
    fits = np.shape(observation) == space.shape if isinstance(space, Box) else space.contains(observation)
    if fits:
        return
    came = f"of the shape {np.shape(observation)}" if isinstance(space, Box) else described(observation)
    promised = f"one of the shape {space.shape}" if isinstance(space, Box) else f"one of {space}"
    raise checker.broken(
        "wrap",
        f"an environment whose {method} gives an observation {came}",
        f"{promised}, as its observation_space says",
    )
