"""Describes the settings of a plugin: names, types, defaults, bounds and what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

_BOUNDS = {
    "minimum": ">= {}",
    "exclusiveMinimum": "> {}",
    "maximum": "<= {}",
    "exclusiveMaximum": "< {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "of the form {}",
}
"""Keyword of JSON schema -> the bound in words."""

_TYPES = {"integer": "integer", "number": "number", "boolean": "true or false", "null": "null", "object": "mapping"}

_PLURALS = {"integer": "integers", "number": "numbers", "section": "sections", "mapping": "mappings", "list": "lists"}


class Setting(NamedTuple):
    """One setting.

    Attributes:
        name: dotted, below the plugin's settings; `[]` stands for each item of a list.
        type: in words.
        default: JSON-able. A secret is not shown.
        bounds: in words, empty if there are none.
        help: its description.
    """

    name: str
    type: str
    default: Any
    bounds: str
    help: str


def settings_of(model: type[BaseModel]) -> list[Setting]:
    """All settings of a model, those of its sections after the section."""
    schema = model.model_json_schema()
    try:
        defaults = model().model_dump(mode="json")
    except ValidationError:  # a setting without a default
        defaults = {}
    definitions = schema.get("$defs", {})
    reference = _reference(schema)  # of a model that has itself as a part
    if reference:
        return list(_settings(definitions[reference], definitions, defaults, "", (reference,)))
    return list(_settings(schema, definitions, defaults, "", ()))


def _settings(
    schema: Mapping[str, Any],
    definitions: Mapping[str, Any],
    defaults: Mapping[str, Any],
    above: str,
    seen: tuple[str, ...],
) -> Iterator[Setting]:
    for key, field in schema.get("properties", {}).items():
        name = f"{above}{key}"
        default = defaults.get(key, field.get("default"))
        bounds = ", ".join(dict.fromkeys(_bounds(field)))
        yield Setting(name, _type(field, definitions), default, bounds, _help(field, definitions))
        for suffix, reference in _sections(field, definitions):
            if reference in seen:  # a section that has itself as a part
                continue
            inner = default if isinstance(default, Mapping) else {}
            yield from _settings(definitions[reference], definitions, inner, f"{name}{suffix}.", (*seen, reference))


def _alternatives(field: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The members of a union, the field itself otherwise."""
    return list(field.get("anyOf") or field.get("oneOf") or [field])


def _sections(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """("" or "[]", name of the definition) of each section that the field holds, directly or in a list."""
    for member in _alternatives(field):
        for suffix, part in (("", member), ("[]", member.get("items"))):
            reference = _reference(part) if isinstance(part, Mapping) else None
            if reference and "properties" in definitions[reference]:
                yield suffix, reference


def _reference(part: Mapping[str, Any]) -> str | None:
    return part["$ref"].rpartition("/")[2] if "$ref" in part else None


def _help(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    # Pydantic leaves out the description of a field that is the same as its section's own.
    reference = _reference(field)
    inherited = definitions[reference].get("description", "") if reference else ""
    return " ".join(field.get("description", inherited).split())


def _bounds(field: Mapping[str, Any]) -> Iterator[str]:
    for member in _alternatives(field):
        # A list whose length is fixed says so in its type.
        fixed = "prefixItems" in member
        yield from (
            text.format(member[key])
            for key, text in _BOUNDS.items()
            if key in member and not (fixed and key in ("minItems", "maxItems"))
        )


def _type(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    return " or ".join(dict.fromkeys(_type_of(member, definitions) for member in _alternatives(field)))


def _type_of(part: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    reference = _reference(part)
    if reference:
        inner = definitions[reference]
        return "section" if "properties" in inner else _type_of(inner, definitions)
    if "anyOf" in part or "oneOf" in part:
        return _type(part, definitions)
    if "const" in part or "enum" in part:
        return " or ".join(str(value) for value in part.get("enum", [part.get("const")]))
    kind = part.get("type")
    if kind == "array":
        if "prefixItems" in part:
            return f"list of {', '.join(_type(item, definitions) for item in part['prefixItems'])}"
        items = part.get("items")
        return f"list of {_PLURALS.get(inner := _type(items, definitions), inner)}" if items else "list"
    if kind == "string":
        return "secret text" if part.get("writeOnly") else "text"
    return _TYPES.get(str(kind), "anything")
