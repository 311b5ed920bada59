"""Names that look like numbers stay as they were written: "007", "1e5" and "1_000" where a setting is text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr

from soulsai_core.config.sections import section
from soulsai_core.config.sources import Path, Sources

_TEXTS = (str, SecretStr, SecretBytes, PurePath)
_OTHERS = (bool, int, float)


def restore_texts(
    values: Mapping[str, Any], model: type[BaseModel], sources: Sources, path: Path = ()
) -> dict[str, Any]:
    """The values, with the text that a person wrote where YAML read a number and the model wants text. A flag,
    such as `true`, stays one, and is refused: it is more likely a mistake than a name.

    Args:
        sources: the layers that gave the values.
        path: of the values in the whole configuration.
    """
    fields = model.model_fields
    return {
        key: _restored(value, fields[key].annotation, sources, (*path, key)) if key in fields else value
        for key, value in values.items()
    }


def _restored(value: Any, annotation: Any, sources: Sources, path: Path) -> Any:
    if isinstance(value, Mapping):
        model = section(annotation)
        if model is not None:
            return restore_texts(value, model, sources, path)
        inner = _argument(annotation, dict, 1)
        return {key: _restored(item, inner, sources, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        inner = section(annotation) or _argument(annotation, (list, tuple), 0)
        return [_restored(item, inner, sources, (*path, number)) for number, item in enumerate(value)]
    if isinstance(value, int | float) and not isinstance(value, bool) and _wants_text(annotation):
        written = sources.text(path)
        return value if written is None else written
    return value


def _alternatives(annotation: Any) -> list[Any]:
    """The members of a union, one member otherwise, without what Annotated adds."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [inner for member in get_args(annotation) for inner in _alternatives(member)]
    return [annotation]


def _argument(annotation: Any, kinds: Any, position: int) -> Any:
    """The annotation of the items in a container among the alternatives; Any if there is none."""
    for member in _alternatives(annotation):
        origin = get_origin(member)
        if isinstance(origin, type) and issubclass(origin, kinds):
            return get_args(member)[position]
    return Any


def _wants_text(annotation: Any) -> bool:
    kinds = [member for member in _alternatives(annotation) if isinstance(member, type)]
    return any(issubclass(kind, _TEXTS) for kind in kinds) and not any(issubclass(kind, _OTHERS) for kind in kinds)
