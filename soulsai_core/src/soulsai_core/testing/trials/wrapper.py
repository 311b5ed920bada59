"""Tries a wrapper around a gymnasium environment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from soulsai_core.contracts import WrapperPlugin
from soulsai_core.errors import PluginError, SoulsAIError
from soulsai_core.plugins.findings import OK, WARNING, Finding

if TYPE_CHECKING:
    import gymnasium

STEPS = 100
BASE = "CartPole-v1"


def try_wrapper(
    plugin: WrapperPlugin, config: Any, make: Callable[[], gymnasium.Env] | None = None
) -> Iterator[Finding]:
    """Try a wrapper around what `make` makes; None: CartPole, or images if it does not take CartPole."""
    env = plugin.wrap((make or base_of(plugin, config))(), config)
    try:
        names = [described(space) for space in (env.observation_space, env.action_space)]
        yield Finding("spaces", OK, f"Around {env.unwrapped}: observations {names[0]}, actions {names[1]}.")
        yield from _play(env, plugin)
    finally:
        env.close()


def described(space: gymnasium.Space[Any]) -> str:
    """A space in a few words: bounds of many numbers would be many lines."""
    from gymnasium.spaces import Box

    return f"{space.dtype} {space.shape}" if isinstance(space, Box) else str(space)


def base_of(plugin: WrapperPlugin, config: Any) -> Callable[[], gymnasium.Env]:
    """Makes environments that the wrapper takes: CartPole if possible or nothing is, else images."""
    import gymnasium

    from soulsai_core.testing.trials.images import Images

    def cart_pole() -> gymnasium.Env:
        return gymnasium.make(BASE)

    kinds: list[Callable[[], gymnasium.Env]] = [cart_pole, Images]
    return next((make for make in kinds if _takes(plugin, config, make)), cart_pole)


def _takes(plugin: WrapperPlugin, config: Any, make: Callable[[], gymnasium.Env]) -> bool:
    try:
        with closing(plugin.wrap(make(), config)) as env:
            env.reset(seed=0)
    except Exception:
        return False
    return True


def _given(env: Any, method: str, call: Callable[[], Any]) -> Any:
    """What a method of a wrapped environment gives. An error is named as in a training, with its notes, which say if
    the wrapper raised it."""
    try:
        return call()
    except SoulsAIError:
        raise
    except Exception as error:
        notes = "".join(f" {note}" for note in getattr(error, "__notes__", ()))
        raise PluginError(f"{env.unwrapped} failed in {method}: {type(error).__name__}: {error}.{notes}") from error


def _play(env: Any, plugin: WrapperPlugin) -> Iterator[Finding]:
    env.action_space.seed(0)
    observation, _ = _given(env, "reset", lambda: env.reset(seed=0))
    outside = not env.observation_space.contains(observation)
    began = time.perf_counter()
    for number in range(STEPS):
        result = _given(env, "step", lambda: env.step(env.action_space.sample()))
        if not (isinstance(result, tuple) and len(result) == 5):
            came = f"{len(result)} values" if isinstance(result, tuple) else "no tuple"
            raise PluginError(
                f"The wrapper {plugin.name!r} has a mistake: step gave {came} instead of (observation, reward, "
                "terminated, truncated, info)."
            )
        observation, reward, terminated, truncated, _info = result
        if np.size(reward) != 1 or not np.isfinite(float(np.asarray(reward).reshape(-1)[0])):
            raise PluginError(f"The wrapper {plugin.name!r} has a mistake: step {number} gave the reward {reward!r}.")
        outside = outside or not env.observation_space.contains(observation)
        if terminated or truncated:
            _given(env, "reset", env.reset)
    microseconds = (time.perf_counter() - began) / STEPS * 1e6
    yield Finding("steps", OK, f"{STEPS} random steps took {microseconds:.0f} µs each.")
    if outside:
        yield Finding(
            "values",
            WARNING,
            "Some observations are not in observation_space: their dtype or bounds are others than it says.",
        )
