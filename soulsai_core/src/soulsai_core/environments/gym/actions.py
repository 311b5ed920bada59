"""Action spaces of gymnasium, and the way back from an actor's arrays to their actions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import Space, spaces

from soulsai_core.errors import SpaceError
from soulsai_core.messages import ActionSpec, Continuous, Discrete, MultiDiscrete

ROUNDING = 1e-6
"""Relative distance over a bound that is float32's rounding and not the actor's wish."""


@dataclass(frozen=True, slots=True)
class ActionCodec:
    """Actions of an actor (n, *action shape) as gymnasium wants them.

    Attributes:
        one: for a single environment, from arrays of one row.
        many: for a vector environment.
        start: the environment's number of action 0.
    """

    spec: ActionSpec
    one: Callable[[np.ndarray], Any]
    many: Callable[[np.ndarray], np.ndarray]
    start: int = 0

    @property
    def maskable(self) -> int:
        """How many actions a mask covers; 0 where there are no masks for this kind of action."""
        return self.spec.n if isinstance(self.spec, Discrete) else 0


def action_codec(space: Space[Any]) -> ActionCodec:
    """Raises SpaceError for spaces other than Discrete, MultiDiscrete and real-valued Box."""
    match space:
        case spaces.Discrete():
            return _discrete(space)
        case spaces.MultiDiscrete():
            return _multi_discrete(space)
        case spaces.Box() if np.issubdtype(np.dtype(space.dtype), np.floating):
            return _continuous(space)
    raise SpaceError(
        f"the action space {space} cannot be served; Discrete, MultiDiscrete and a Box of real numbers can, and "
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
    """What passes a bound by rounding is put onto it; what passes it further is the environment's to judge."""
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
