"""Converts action spaces of gymnasium to ours, and arrays of actions back to gymnasium's form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import Space, spaces

from soulsai_core.errors import SpaceError
from soulsai_core.messages import ActionSpec, Continuous, Discrete, MultiDiscrete

ROUNDING = 1e-6
"""Relative distance beyond a bound that float32's rounding may cause."""


@dataclass(frozen=True, slots=True)
class ActionCodec:
    """Turns the actions of an actor, (n, *action shape), into those that gymnasium takes.

    Attributes:
        one: converts an array of one row for a single environment.
        many: converts an array for a vector environment.
        start: number of the environment's first action, which is ours with number 0.
    """

    spec: ActionSpec
    one: Callable[[np.ndarray], Any]
    many: Callable[[np.ndarray], np.ndarray]
    start: int = 0

    @property
    def maskable(self) -> int:
        """Number of actions in a mask; 0 for action spaces without masks."""
        return self.spec.n if isinstance(self.spec, Discrete) else 0


def action_codec(space: Space[Any]) -> ActionCodec:
    """The codec of an action space. Raises SpaceError unless it is Discrete, MultiDiscrete or a real-valued Box."""
    match space:
        case spaces.Discrete():
            return _discrete(space)
        case spaces.MultiDiscrete():
            return _multi_discrete(space)
        case spaces.Box() if np.issubdtype(np.dtype(space.dtype), np.floating):
            return _continuous(space)
    raise SpaceError(
        f"the action space {space} is not supported; Discrete, MultiDiscrete and a Box of real numbers are, and "
        "a wrapper may turn it into one of these"
    )


def _discrete(space: spaces.Discrete) -> ActionCodec:
    start = int(space.start)
    return ActionCodec(
        Discrete(int(space.n)), lambda actions: actions.item() + start, lambda actions: actions + start, start
    )


def _multi_discrete(space: spaces.MultiDiscrete) -> ActionCodec:
    shape = space.nvec.shape
    start = space.start
    dtype = space.dtype

    def many(actions: np.ndarray) -> np.ndarray:
        return (actions.reshape(-1, *shape) + start).astype(dtype, copy=False)

    spec = MultiDiscrete(tuple(int(size) for size in space.nvec.flat))
    return ActionCodec(spec, lambda actions: many(actions)[0], many)


def _continuous(space: spaces.Box) -> ActionCodec:
    # Actors compute in float32, and environments may have float64 bounds: an action that is beyond a bound by rounding
    # alone is clipped. One further beyond is passed on, for the environment to accept or refuse.
    low = space.low.astype(space.dtype)
    high = space.high.astype(space.dtype)
    lowest = low - _slack(low)
    highest = high + _slack(high)

    def many(actions: np.ndarray) -> np.ndarray:
        wanted = actions.reshape(-1, *space.shape).astype(space.dtype, copy=False)
        rounded = (wanted >= lowest) & (wanted <= highest)
        return np.where(rounded, np.clip(wanted, low, high), wanted)

    spec = Continuous(space.shape, _bounds(low), _bounds(high))
    return ActionCodec(spec, lambda actions: many(actions)[0], many)


def _slack(bound: np.ndarray) -> np.ndarray:
    return ROUNDING * np.maximum(1.0, np.abs(np.where(np.isfinite(bound), bound, 0.0))).astype(bound.dtype)


def _bounds(bound: np.ndarray) -> tuple[float | None, ...]:
    return tuple(float(value) if np.isfinite(value) else None for value in bound.flat)
