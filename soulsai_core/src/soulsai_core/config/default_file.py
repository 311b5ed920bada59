"""Writes a default configuration file with comments."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from soulsai_core.config.layers import check, read_overrides
from soulsai_core.config.resolved import resolve
from soulsai_core.config.schema import SCHEMA_COMMENT, SCHEMA_FILE
from soulsai_core.config.sections import choices
from soulsai_core.config.yaml_text import dump_inline

if TYPE_CHECKING:
    from soulsai_core.plugins.catalog import Catalog

_WIDTH = 110
_HEAD = f"""\
{SCHEMA_COMMENT}
# Every setting with its default. Written by `soulsai config default`; put changes into config.yaml. Editors complete
# settings once `soulsai config schema -o {SCHEMA_FILE}` has written the file in the first line next to this one."""


def default_yaml(catalog: Catalog, overrides: Sequence[str] = ()) -> str:
    """The default file with comments, with the settings of the chosen plugins. `overrides` may choose other plugins."""
    resolved = resolve(check([read_overrides(overrides)]), catalog)
    plugins: dict[tuple[str, ...], BaseModel] = {
        ("environment", "config"): resolved.environment_config,
        ("algorithm", "config"): resolved.algorithm_config,
    }
    if resolved.telemetry_config is not None:
        plugins["telemetry", "config"] = resolved.telemetry_config
    return "\n".join((_HEAD, *_section(resolved.config, (), plugins), ""))


def _section(model: BaseModel, path: tuple[str, ...], plugins: Mapping[tuple[str, ...], BaseModel]) -> Iterator[str]:
    """Lines of the settings below `path`, each after its comment. `plugins` replace the values at their paths."""
    indent = "  " * len(path)
    for name, field in type(model).model_fields.items():
        value = plugins.get((*path, name), getattr(model, name))
        if isinstance(value, SecretStr | SecretBytes):
            continue
        if not path:
            yield ""
        yield from textwrap.wrap(_comment(field), _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
        if isinstance(value, BaseModel) and type(value).model_fields:
            yield f"{indent}{name}:"
            yield from _section(value, (*path, name), plugins)
        else:
            yield f"{indent}{name}: {dump_inline(to_jsonable_python(value))}"


def _comment(field: FieldInfo) -> str:
    allowed = choices(field.annotation)
    one_of = f"One of: {', '.join(map(str, allowed))}." if allowed else ""
    return " ".join(text for text in (field.description, one_of) if text)
