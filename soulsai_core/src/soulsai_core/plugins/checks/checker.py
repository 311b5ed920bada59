"""Calls functions of plugins and turns their mistakes into errors with a sentence."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from soulsai_core.errors import (
    CheckpointError,
    EnvironmentFailure,
    EnvironmentNotReady,
    PluginError,
    SoulsAIError,
    SpaceError,
)
from soulsai_core.messages import ArraySpec
from soulsai_core.plugins.checks.long_calls import LongCalls, RunningCall

log = logging.getLogger(__name__)
TRACEBACKS = logging.getLogger("soulsai_core.tracebacks")
"""Takes the traceback of each error that a plugin raised, once. It is for log files: people get the sentence."""

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
        calls: finds out which call takes long.
        running: the call that is running now.
        noted: how often each mistake was made that is left out and does not end the training, and each error raised.
    """

    owner: str
    kit: str
    calls: LongCalls
    running: RunningCall
    noted: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, kind: str, name: str, distribution: str, calls: LongCalls) -> Checker:
        """The checker of a plugin."""
        owner = f"The {kind} {name!r} of {distribution}"
        return cls(owner, kind, calls, calls.running(owner))

    def for_one_object(self) -> Checker:
        """A checker for one object of the plugin, with running calls of its own."""
        return replace(self, running=self.calls.running(self.owner))

    def call(self, method: str, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call the function and return its result. A SoulsAIError with a sentence is passed on."""
        try:
            with self.running.calling(method):
                return function(*args, **options)
        except Exception as error:
            problem = self.problem(method, error)
            if problem is error:
                raise
            raise problem from error

    def problem(self, method: str, error: Exception) -> SoulsAIError:
        """What to raise for an error that the method raised: a SoulsAIError with a sentence itself."""
        if isinstance(error, SoulsAIError) and str(error):
            return error
        made = self.raised(method, error)
        kinds = (EnvironmentNotReady, EnvironmentFailure, SpaceError, CheckpointError)
        return next((kind(str(made)) for kind in kinds if isinstance(error, kind)), made)

    def raised(self, method: str, error: BaseException) -> PluginError:
        """The error for a method that raised another error, which the caller chains."""
        cause = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(":")
        sentence = f"{self.owner} has a mistake: {method} raised {cause}."
        kind = f"{method} raised {type(error).__name__}"  # without its text, which may be another one each time
        self.noted[kind] += 1
        if self.noted[kind] == 1:
            TRACEBACKS.error("%s", sentence, exc_info=error)
        return PluginError(f"{sentence} {self._advice()}")

    def broken(self, method: str, came: str, promised: str) -> PluginError:
        """The error for a method that returned something else than its contract promises."""
        return PluginError(f"{self.owner} has a mistake: {method} gave {came} instead of {promised}. {self._advice()}")

    def expect(self, method: str, value: Any, fits: bool, promised: str) -> None:
        """Raise PluginError unless `fits`, for a value that the method returned."""
        if not fits:
            raise self.broken(method, described(value), promised)

    def note(self, mistake: str, consequence: str) -> None:
        """Log a mistake that can be left out, at its 1st, 2nd, 4th, 8th, ... time."""
        self.noted[mistake] += 1
        times = self.noted[mistake]
        if times.bit_count() == 1:
            often = f" ({times} times so far)" if times > 1 else ""
            log.warning("%s has a mistake: %s. %s%s", self.owner, mistake, consequence, often)

    def finite_numbers(self, method: str, given: Any) -> dict[str, float]:
        """Those of `plain_numbers` that are finite: neither JSON nor an average has a place for the others, and one of
        them is no reason to end a training."""
        return {name: number for name, number in self.plain_numbers(method, given).items() if math.isfinite(number)}

    def plain_numbers(self, method: str, given: Any) -> dict[str, float]:
        """Numbers by name as plain floats. It is said of those that are not finite."""
        self.expect(method, given, isinstance(given, Mapping), "numbers by name")
        numbers = {}
        for name, value in given.items():
            number = as_number(value)
            if number is None or not isinstance(name, str):
                raise self.broken(method, f"{described(value)} for {name!r}", "a number by name")
            if not math.isfinite(number):
                self.note(f"{method} gave {number} for {name!r} instead of a finite number", "It is left out.")
            numbers[name] = number
        return numbers

    def _advice(self) -> str:
        return (
            f"Install another version of it, or correct it: soulsai_core.testing.{self.kit} has the tests that find it."
        )


def as_number(value: Any) -> float | None:
    """A plain float of a number, or of an array of one number, as numpy and torch often give; None for others."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    return float(value) if isinstance(value, int | float | np.integer | np.floating | np.bool_) else None


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


def values_flaw(arrays: Mapping[str, np.ndarray], specs: Mapping[str, ArraySpec]) -> Flaw | None:
    """The flaw of numbers that are not finite or not within the bounds of their spec; None if all are."""
    for name, part in specs.items():
        array = arrays[name]
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return f"{array[~np.isfinite(array)][0]} in {name}", "finite numbers"
        for bound, beyond in ((part.low, np.less), (part.high, np.greater)):
            if bound is not None and beyond(array, bound).any():
                return f"{array[beyond(array, bound)][0]} in {name}", f"numbers from {part.low} to {part.high}"
    return None
