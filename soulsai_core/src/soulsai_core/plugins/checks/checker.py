"""Calls functions of plugins and turns their mistakes into errors with a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from soulsai_core.errors import PluginError, SoulsAIError
from soulsai_core.messages import ArraySpec
from soulsai_core.plugins.checks.long_calls import RunningCall

Flaw = tuple[str, str]
"""What a method returned, and what was promised, both in words."""

# Characters of a value in an error.
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Checker:
    """Turns the mistakes of one plugin into errors with a sentence.

    Attributes:
        owner: name of the plugin, such as "The algorithm 'mine' of mine 1.2".
        kit: the module of `soulsai_core.testing` whose tests find such mistakes.
        running: the call that is running now.
    """

    owner: str
    kit: str
    running: RunningCall

    def for_one_object(self) -> Checker:
        """A checker for one object of the plugin, with running calls of its own."""
        return replace(self, running=RunningCall(self.owner, self.running.clock))

    def call(self, method: str, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call the function and return its result. A SoulsAIError is passed on, since it has a sentence already."""
        running = self.running
        running.now = (method, running.clock())
        try:
            return function(*args, **options)
        except SoulsAIError:
            raise
        except Exception as error:
            raise self.raised(method, error) from error
        finally:
            running.now = None

    def raised(self, method: str, error: Exception) -> PluginError:
        """The error for a method that raised another error, which the caller chains for the log."""
        cause = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(":")
        return PluginError(f"{self.owner} has a mistake: {method} raised {cause}. {self._advice()}")

    def broken(self, method: str, came: str, promised: str) -> PluginError:
        """The error for a method that returned something else than its contract promises."""
        return PluginError(f"{self.owner} has a mistake: {method} gave {came} instead of {promised}. {self._advice()}")

    def expect(self, method: str, value: Any, fits: bool, promised: str) -> None:
        """Raise PluginError unless `fits`, for a value that the method returned."""
        if not fits:
            raise self.broken(method, described(value), promised)

    def numbers(self, method: str, function: Callable[[], Any]) -> dict[str, float]:
        """Call the function and return its numbers by name as plain floats."""
        given = self.call(method, function)
        self.expect(method, given, isinstance(given, Mapping), "numbers by name")
        # numpy's numbers are common here, and JSON does not take them.
        for name, value in given.items():
            number = isinstance(value, int | float | np.number | np.bool_)
            if not (number and isinstance(name, str)):
                raise self.broken(method, f"{described(value)} for {name!r}", "a number by name")
        return {name: float(value) for name, value in given.items()}

    def _advice(self) -> str:
        return (
            f"Install another version of it, or correct it: soulsai_core.testing.{self.kit} has the tests that find it."
        )


def described(value: Any) -> str:
    """A value in a few words, for errors."""
    match value:
        case None:
            return "None"
        case np.ndarray():
            return f"an array of {value.dtype} {value.shape}"
        case type():
            return f"the class {value.__name__}"
        case bool() | int() | float() | str() | np.generic():
            return f"{value!r}"[:_LONGEST]
        case _:
            return f"an object of type {type(value).__name__}"


def array_flaw(name: str, array: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Flaw | None:
    """The flaw of a value that is no array of this dtype and shape; None if it is one."""
    if isinstance(array, np.ndarray | np.generic) and array.dtype == dtype and array.shape == shape:
        return None
    return f"{described(array)} for {name}", f"an array of {dtype} {shape}"


def rows_flaw(arrays: Any, specs: Mapping[str, ArraySpec], rows: tuple[int, ...], what: str) -> Flaw | None:
    """The flaw of values that are not arrays name -> (*rows, *shape) as in `specs`; None if they are."""
    if not isinstance(arrays, Mapping):
        return f"{described(arrays)} for {what}", "arrays by name"
    if arrays.keys() != specs.keys():
        return f"{what} {sorted(map(str, arrays))}", f"{sorted(specs)}"
    flaws = (array_flaw(name, arrays[name], np.dtype(p.dtype), (*rows, *p.shape)) for name, p in specs.items())
    return next(filter(None, flaws), None)
