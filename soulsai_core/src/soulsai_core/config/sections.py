"""Reads models of settings: their sections, keys and allowed values."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from soulsai_core.config.sources import Path


def section(annotation: Any, preferred: Collection[Any] = ()) -> type[BaseModel] | None:
    """The model inside an annotation such as `Stop`, `Stop | None` or `list[Stop]`; of several one whose name is
    preferred, otherwise the first."""
    found = list(_sections(annotation))
    return next((model for model in found if model.__name__ in preferred), found[0] if found else None)


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for inner in get_args(annotation):
        yield from _sections(inner)


def choices(annotation: Any) -> tuple[Any, ...]:
    """The values of a Literal inside an annotation, empty if there is none."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return next((found for inner in get_args(annotation) if (found := choices(inner))), ())


def model_at(model: type[BaseModel], path: Path, preferred: Collection[Any] = ()) -> type[BaseModel] | None:
    """The model with the keys below `path`, None if any key is allowed there. Of alternatives, one whose name is
    preferred."""
    for key in path:
        if isinstance(key, int):
            continue
        field = model.model_fields.get(key)
        inner = section(field.annotation, preferred) if field else None
        if inner is None:
            return None
        model = inner
    return model


def setting_paths(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all settings, sections included."""
    for name, field in model.model_fields.items():
        yield (*above, name)
        inner = section(field.annotation)
        if inner is not None:
            yield from setting_paths(inner, (*above, name))
