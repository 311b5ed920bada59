"""Converts observations of gymnasium's spaces to named arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from gymnasium import Space, spaces

from soulsai_core.errors import SpaceError
from soulsai_core.messages import Arrays, ArraySpec

Reader = Callable[[Any], Arrays]


class Leaf(NamedTuple):
    """One array of an observation.

    Attributes:
        path: keys and indices that lead to the value in an observation.
        convert: (value, rows) -> a new array (rows, *shape), from one observation or from a batch of them.
    """

    name: str
    path: tuple[Any, ...]
    spec: ArraySpec
    convert: Callable[[Any, int], np.ndarray]


class ObservationLayout:
    """The arrays that the observations of a space become. Raises SpaceError for spaces without a fixed shape."""

    def __init__(self, space: Space[Any]) -> None:
        self.leaves = tuple(_leaves(space, "observation", ()))
        self.specs = {leaf.name: leaf.spec for leaf in self.leaves}
        if len(self.specs) != len(self.leaves) or not self.leaves:
            raise SpaceError(f"the parts of the observation space {space} need distinct names: {list(self.specs)}")

    def reader(self, rows: int) -> Reader:
        """A function from an observation (of one environment, or a batch of `rows`) to arrays of `rows` rows.

        The arrays are always new, since an environment may reuse its own for the next observation.
        """
        # Most environments have a single array: without the loop and the path, a step is faster.
        if len(self.leaves) > 1 or self.leaves[0].path:
            return lambda observation: {
                leaf.name: leaf.convert(_follow(observation, leaf.path), rows) for leaf in self.leaves
            }
        name = self.leaves[0].name
        convert = self.leaves[0].convert
        return lambda observation: {name: convert(observation, rows)}


def _follow(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _leaves(space: Space[Any], name: str, path: tuple[Any, ...]) -> Iterator[Leaf]:
    match space:
        case spaces.Dict():
            for key, part in space.spaces.items():
                yield from _leaves(part, f"{name}.{key}", (*path, key))
        case spaces.Tuple():
            for index, part in enumerate(space.spaces):
                yield from _leaves(part, f"{name}.{index}", (*path, index))
        case spaces.Box():
            yield Leaf(name, path, _box_spec(space), _box_converter(space))
        case spaces.Discrete():
            yield _one_hot(name, path, np.array([space.n]), np.array([space.start]))
        case spaces.MultiDiscrete():
            yield _one_hot(name, path, space.nvec.reshape(-1), space.start.reshape(-1))
        case spaces.MultiBinary():
            size = int(np.prod(space.shape))
            spec = ArraySpec((size,), "float32", 0.0, 1.0)
            yield Leaf(name, path, spec, lambda value, rows: np.array(value, np.float32).reshape(rows, size))
        case _:
            raise SpaceError(
                f"{name} is a {type(space).__name__} space, which has no fixed shape as an array; a wrapper may turn "
                "it into Box, Discrete, MultiDiscrete, MultiBinary, or a Dict or Tuple of these"
            )


def _box_dtype(space: spaces.Box) -> np.dtype:
    return np.dtype(np.float32) if space.dtype == np.float64 else np.dtype(space.dtype)


def _box_spec(space: spaces.Box) -> ArraySpec:
    return ArraySpec(space.shape, _box_dtype(space).name, _enclosing(space.low, np.min), _enclosing(space.high, np.max))


def _enclosing(bounds: np.ndarray, outermost: Callable[[np.ndarray], Any]) -> float | None:
    """The bound that holds for all elements; None unless each has a finite one."""
    return float(outermost(bounds)) if bounds.size and np.isfinite(bounds).all() else None


def _box_converter(space: spaces.Box) -> Callable[[Any, int], np.ndarray]:
    dtype = _box_dtype(space)
    shape = space.shape
    dimensions = len(space.shape) + 1

    def convert(value: Any, rows: int) -> np.ndarray:
        array = np.array(value, dtype, ndmin=dimensions)
        expected = (rows, *shape)
        return array if array.shape == expected else array.reshape(expected)

    return convert


def _one_hot(name: str, path: tuple[Any, ...], sizes: np.ndarray, starts: np.ndarray) -> Leaf:
    """One or several discrete values, one-hot and concatenated. A value outside of the space becomes zeros."""
    # Element i of the result is 1 if value number choice[i] equals code[i].
    choice = np.repeat(np.arange(len(sizes)), sizes)
    code = np.concatenate([np.arange(size) + start for size, start in zip(sizes, starts, strict=True)])

    def convert(value: Any, rows: int) -> np.ndarray:
        return (np.asarray(value).reshape(rows, -1)[:, choice] == code).astype(np.float32)

    return Leaf(name, path, ArraySpec((len(code),), "float32", 0.0, 1.0), convert)
