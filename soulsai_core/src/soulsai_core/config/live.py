"""Settings that may be changed while a run goes on. Their plugin, or the core, declares them so in their fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from soulsai_core.config.sections import section

LIVE: dict[str, Any] = {"live": True}
"""The `json_schema_extra` of a field that may be changed while a run goes on, with all that lies below it."""


def is_live(model: type[BaseModel], path: tuple[str, ...]) -> bool:
    """Whether the setting at this path of a model may be changed: it, or a section that it lies in, is declared so."""
    field = model.model_fields.get(path[0])
    if field is None:
        return False
    if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("live") is True:
        return True
    inner = section(field.annotation)
    return inner is not None and len(path) > 1 and is_live(inner, path[1:])


def live_names(model: type[BaseModel], above: str) -> Iterator[str]:
    """The names of all settings of a model that are declared so, below the name `above`."""
    for name, field in model.model_fields.items():
        inner = section(field.annotation)
        if is_live(model, (name,)):
            yield f"{above}.{name}"
        elif inner is not None:
            yield from live_names(inner, f"{above}.{name}")
