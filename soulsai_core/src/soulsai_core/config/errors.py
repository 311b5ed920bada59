"""Turns pydantic's errors into sentences: the setting's path, what was given in which layer, and what is allowed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from soulsai_core.config.sections import choices, model_at, setting_paths
from soulsai_core.config.sources import Path, Sources, dotted
from soulsai_core.errors import ConfigError

# Values of settings with such names are never shown, nor is the password in an address.
SECRET = re.compile(r"passw|secret|token|api_?key|credential", re.IGNORECASE)
# Everything before the last "@": a password may have any character.
_PASSWORD_IN_URL = re.compile(r"(^\"?).*:.*@", re.DOTALL)

_LONG = 120
"""Letters of a list of choices from which on it is left out where the nearest one is known."""

# Type of pydantic's error -> what the value must be.
_MUST_BE = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("list_type", "tuple_type"), "a list"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "a group of settings, `key: value`"),
    "finite_number": "a finite number",
    "string_type": "text",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
}


def sentences_of(
    error: ValidationError, model: type[BaseModel], values: Mapping[str, Any], sources: Sources, above: Path = ()
) -> list[str]:
    """A sentence for each error in `values`.

    Args:
        model: the model that refused the values.
        sources: the layers that gave them, to name the one with the error.
        above: path of the values in the whole configuration.
    """
    sentences = []
    for details in _of_nearest_alternatives(error.errors(include_url=False), values):
        path = _path(details["loc"], values, details["type"] == "missing")
        sentences.append(_sentence(details, path, model, sources, above))
    return sentences


def _of_nearest_alternatives(errors: Sequence[ErrorDetails], values: Any) -> list[ErrorDetails]:
    """The errors without those of alternatives of a union that fit worse than another one: what a person wrote was
    meant for the one with the fewest errors."""
    found: dict[Path, dict[str | int, list[ErrorDetails]]] = {}
    for details in errors:
        prefix, alternative = _alternative(details["loc"], values)
        found.setdefault(prefix, {}).setdefault(alternative, []).append(details)
    kept = []
    for alternatives in found.values():
        fewest = min(map(len, alternatives.values()))
        kept += [details for part in alternatives.values() if len(part) == fewest for details in part]
    return kept


def _alternative(location: Path, values: Any) -> tuple[Path, str | int]:
    """Where in the location the first alternative of a union of groups stands, and its name. Without one, the location
    itself."""
    for position, key in enumerate(location[:-1]):
        in_mapping = isinstance(values, Mapping) and key in values
        in_list = isinstance(values, list | tuple) and isinstance(key, int) and key < len(values)
        if not in_mapping and not in_list:
            return (location[:position], key) if isinstance(values, Mapping) else (location, "")
        values = values[key]
    return location, ""


def raise_if_any(sentences: Sequence[str]) -> None:
    """Raise one ConfigError with all sentences, a line for each; nothing if there are none."""
    if len(sentences) == 1:
        raise ConfigError(sentences[0])
    if sentences:
        raise ConfigError("\n  ".join((f"{len(sentences)} settings are wrong:", *sentences)))


def _path(location: Path, values: Any, missing: bool) -> Path:
    """The path of a setting from pydantic's location, which also holds the alternatives tried for a union.

    Args:
        missing: whether the last key of the location is one that is not there, and must be.
    """
    path: list[str | int] = []
    # The alternatives are in no mapping and no list. A missing key is not there either, but comes last.
    for position, key in enumerate(location):
        if isinstance(values, Mapping) and (key in values or (missing and position == len(location) - 1)):
            values = values.get(key)
        elif isinstance(values, list | tuple) and isinstance(key, int) and key < len(values):
            values = values[key]
        else:
            continue
        path.append(key)
    return tuple(path)


def _sentence(details: ErrorDetails, path: Path, model: type[BaseModel], sources: Sources, above: Path) -> str:
    name = dotted(above + path)
    origin = sources.origin(above + path)
    kind = details["type"]
    where = f" ({origin})" if origin else ""
    if kind == "extra_forbidden":
        return f"{name}: there is no such setting{where}. {_nearest_key(path, model, above, details['loc'])}"
    if kind == "missing":
        return f"{name}: must be given."
    given = details["input"]
    # Errors of our own validators are sentences already. pydantic passes the whole model to those that compare two
    # settings, which would not help as the value that was given.
    if kind == "value_error":
        shown = "" if isinstance(given, Mapping | BaseModel) else f"; {_says(origin, given, name)}"
        return f"{name}: {str(details['ctx']['error']).rstrip('.')}{shown}.".removeprefix(": ")
    must = _MUST_BE.get(kind, "").format_map({k: _plain(v) for k, v in details.get("ctx", {}).items()})
    rule = f"must be {must}" if must else details["msg"].replace("Input should", "must")
    near = get_close_matches(str(given), _allowed(details) or _choices(path, model), n=1)
    if near and len(rule) > _LONG:
        rule = f"must be one of {len(_allowed(details))} names"
    return f"{name}: {rule}, but {_says(origin, given, name)}." + (f" Did you mean {near[0]}?" if near else "")


def _allowed(details: ErrorDetails) -> list[str]:
    """The values of a choice between texts."""
    return re.findall(r"'([^']*)'", str(details.get("ctx", {}).get("expected", "")))


def _plain(limit: Any) -> Any:
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def _says(origin: str | None, given: Any, name: str) -> str:
    """`--set says 3`, or `it is 3` if no layer gave the value."""
    if SECRET.search(name.rpartition(".")[2]):
        shown = "something else"
    else:
        shown = _PASSWORD_IN_URL.sub(r"\1…@", json.dumps(given, default=str, ensure_ascii=False))
    # One setting may hold a whole table of values.
    shown = shown if len(shown) <= 80 else f"{shown[:77]}…"
    return f"{origin} says {shown}" if origin else f"it is {shown}"


def _nearest_key(path: Path, model: type[BaseModel], above: Path, alternatives: Path) -> str:
    holder = model_at(model, path[:-1], alternatives)
    wrong = str(path[-1])
    keys = list(holder.model_fields) if holder else []
    near = get_close_matches(wrong, keys, n=1)
    if near:
        return f"Did you mean {dotted((*above, *path[:-1], near[0]))}?"
    # The key may be right and stand in the wrong section.
    elsewhere = [found for found in setting_paths(model) if found[-1] == wrong]
    if elsewhere:
        return f"Did you mean {dotted((*above, *elsewhere[0]))}?"
    return f"Here can be: {', '.join(keys)}." if keys else "There is nothing to set here."


def _choices(path: Path, model: type[BaseModel]) -> Iterable[str]:
    holder = model_at(model, path[:-1]) if path else None
    field = holder.model_fields.get(str(path[-1])) if holder else None
    return [str(choice) for choice in choices(field.annotation)] if field else []
