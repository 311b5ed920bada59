"""The public names of the core with their signatures. `python tests/helpers/public_api.py` records them anew."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import soulsai_core.testing

RECORD = Path(__file__).parents[1] / "core" / "public_api.txt"
LISTED = ("soulsai_core", "soulsai_core.replay", "soulsai_core.app")
"""Modules whose public names are those in `__all__`."""


def lines() -> Iterator[str]:
    """A line for each public name, and for each attribute and method of a class."""
    for listed in LISTED:
        names = importlib.import_module(listed)
        for name in sorted(names.__all__):
            yield from _described(f"{listed}.{name}", getattr(names, name))
    for found in pkgutil.iter_modules(soulsai_core.testing.__path__, "soulsai_core.testing."):
        module = importlib.import_module(found.name)
        for name, value in sorted(vars(module).items()):
            if not name.startswith("_") and getattr(value, "__module__", None) == found.name:
                yield from _described(f"{found.name}.{name}", value)


def _described(name: str, value: Any) -> Iterator[str]:
    if inspect.isclass(value):
        yield from _class(name, value)
    elif inspect.isfunction(value):
        yield f"{name}{_signature(value)}"
    else:
        yield f"{name} = {value!r}" if isinstance(value, int | str) else f"{name}: {type(value).__name__}"


def _class(name: str, cls: type[Any]) -> Iterator[str]:
    if issubclass(cls, BaseModel):
        # Values and bounds of settings are in the default file and in the schema.
        yield f"{name}({', '.join(cls.model_fields)})"
        return
    if issubclass(cls, Enum):
        yield f"{name}({', '.join(f'{member.name}={member.value!r}' for member in cls)})"
        return
    bases = ", ".join(base.__name__ for base in cls.__bases__ if base is not object)
    yield f"class {name}{_signature(cls)}{f' is {bases}' if bases else ''}"
    for member, value in sorted(_members(cls).items()):
        if isinstance(value, property):
            yield f"    {member}: property"
        elif callable(value) or isinstance(value, classmethod | staticmethod):
            function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
            yield f"    {member}{_signature(function)}"


def _members(cls: type[Any]) -> dict[str, Any]:
    """Public attributes that this class or a base class of ours defines."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("soulsai_core"):
            found |= {name: value for name, value in vars(base).items() if not name.startswith("_")}
    return found


def _signature(function: Any) -> str:
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return ""
    parameters = [_without_objects(parameter) for parameter in signature.parameters.values()]
    text = str(signature.replace(parameters=parameters))
    # Annotations that are text are shown as they stand in the source, whatever the version of Python.
    text = re.sub(r"ForwardRef\('([^']*)'[^)]*\)", r"\1", text)
    text = re.sub(r": '([^']*)'", r": \1", text)
    return re.sub(r"-> '([^']*)'", r"-> \1", text)


class _Object:
    """What stands for a default that is no plain value: functions have addresses, and `os.environ` has secrets."""

    def __repr__(self) -> str:
        return "..."


def _without_objects(parameter: inspect.Parameter) -> inspect.Parameter:
    default = parameter.default
    if default is parameter.empty or default is None or isinstance(default, bool | int | float | str | tuple):
        return parameter
    return parameter.replace(default=_Object())


if __name__ == "__main__":
    RECORD.write_text("".join(f"{line}\n" for line in lines()), encoding="utf-8", newline="\n")
