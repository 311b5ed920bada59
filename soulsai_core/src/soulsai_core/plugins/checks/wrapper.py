"""Checks what a wrapper plugin gives: the environment and its first results. Errors that the wrapper raises name it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

import numpy as np

from soulsai_core.contracts import WrapperPlugin
from soulsai_core.errors import PluginError
from soulsai_core.plugins.checks.checker import Checker, Flaw, as_number, described
from soulsai_core.plugins.checks.long_calls import OWNER

if TYPE_CHECKING:
    import gymnasium

_METHODS = ("reset", "step")


def checked_wrapper(plugin: WrapperPlugin, checker: Checker) -> WrapperPlugin:
    """The plugin with a `wrap` that checks what it gives."""

    def wrap(env: gymnasium.Env, config: Any) -> gymnasium.Env:
        import gymnasium

        made = _wrapped(plugin, env, config, checker)
        checker.expect("wrap", made, isinstance(made, gymnasium.Env), "a gymnasium.Env")
        for part in ("observation_space", "action_space"):
            _read_part(made, part, checker)
        if made is not env:
            made.__class__ = _naming_class(type(made), env, checker)
            for method in _METHODS:
                _check_first(made, env, method, checker)
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


def _read_part(made: gymnasium.Env, part: str, checker: Checker) -> None:
    """Raise PluginError if the wrapped environment does not have this part."""
    try:
        getattr(made, part)
    except Exception as error:
        came = f"an environment whose {part} cannot be read ({type(error).__name__}: {error})"
        raise checker.broken("wrap", came, "one that has it, as gymnasium.Wrapper.__init__ sees to") from error


def _naming_class(kind: Any, env: gymnasium.Env, checker: Checker) -> Any:
    """A subclass that names the wrapper in the errors that it raises, but not in those of the environment within, and
    in what is said of a call that takes long."""

    def naming(method: str) -> Callable[..., Any]:
        original = getattr(kind, method)

        def call(self: Any, *args: Any, **options: Any) -> Any:
            try:
                return original(self, *args, **options)
            except Exception as error:
                if not _is_raised_in(env, error):
                    error.add_note(f"{checker.owner} raised it.")
                raise

        return call

    return type(kind.__name__, (kind,), {OWNER: checker.owner, **{method: naming(method) for method in _METHODS}})


def _check_first(made: gymnasium.Env, env: gymnasium.Env, method: str, checker: Checker) -> None:
    """Check the first result of a method."""
    inner: list[Flaw | None] = []
    _look_at_first(env, method, lambda result: inner.append(_flaw(env, method, result)))

    def check(result: Any) -> None:
        flaw = _flaw(made, method, result)
        # What is wrong with the environment itself gets a sentence of its own later.
        if flaw is not None and not any(inner):
            came, promised = flaw
            raise checker.broken("wrap", f"an environment whose {method} gives {came}", promised)

    _look_at_first(made, method, check)


def _is_raised_in(env: gymnasium.Env, error: Exception) -> bool:
    """Whether an error was raised in a method of this environment or of one within it."""
    import gymnasium

    within = [env]
    while isinstance(within[-1], gymnasium.Wrapper):
        within.append(within[-1].env)
    called = [frame.f_locals.get("self") for frame, _ in walk_tb(error.__traceback__)]
    return any(one is each for one in called for each in within)


def _look_at_first(env: gymnasium.Env, method: str, look: Callable[[Any], object]) -> None:
    """Let the first result of a method be looked at, and none afterwards: steps must stay fast."""
    original: Callable[..., Any] = getattr(env, method)
    own = vars(env).get(method)

    def first(*args: Any, **options: Any) -> Any:
        delattr(env, method)
        if own is not None:
            setattr(env, method, own)
        result = original(*args, **options)
        look(result)
        return result

    setattr(env, method, first)


def _flaw(env: gymnasium.Env, method: str, result: Any) -> Flaw | None:
    """What is wrong with the result of a method; None if nothing is. A result with another number of values, as in
    gym's old interface, gets a sentence of its own later."""
    if not isinstance(result, tuple) or not result:
        return described(result), "the tuple that gymnasium asks for"
    flaw = _observation_flaw(env, result[0])
    if flaw is None and method == "step" and len(result) == 5 and as_number(result[1]) is None:
        return f"{described(result[1])} as reward", "a number"
    return flaw


def _observation_flaw(env: gymnasium.Env, observation: Any) -> Flaw | None:
    from gymnasium.spaces import Box

    space = env.observation_space
    # Bounds are not checked: many environments leave theirs by a little.
    if isinstance(space, Box) and observation is not None:
        came = f"of the shape {np.shape(observation)}"
        promised = f"one of the shape {space.shape}"
        fits = np.shape(observation) == space.shape
    else:
        came = described(observation)
        promised = f"one of {space}"
        fits = observation is not None and space.contains(observation)
    return None if fits else (f"an observation {came}", f"{promised}, as its observation_space says")
