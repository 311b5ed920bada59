"""Writes a default configuration file with comments, and a JSON schema for editors."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from pydantic.json_schema import models_json_schema
from pydantic_core import to_jsonable_python

from soulsai_core.config.layers import check, read_overrides
from soulsai_core.config.models import Config
from soulsai_core.config.resolved import resolve
from soulsai_core.config.shape import choices
from soulsai_core.config.yaml_text import dump_inline

if TYPE_CHECKING:
    from soulsai_core.plugins.catalog import Catalog

_WIDTH = 110
_KINDS = ("environment", "algorithm", "connector")
_HEAD = "# Every setting with its default. Written by `soulsai config default`; put changes into config.yaml."


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


def config_schema(catalog: Catalog) -> dict[str, Any]:
    """JSON schema of config.yaml, with the settings of every installed plugin that can be used."""
    plugins = {kind: catalog.usable(kind) for kind in _KINDS}
    telemetry = [plugin.config for plugin in catalog.usable("telemetry")]
    models = [Config, *(plugin.config for found in plugins.values() for plugin in found), *telemetry]
    # One schema for all models: each is defined once, even if several plugins share it.
    references, schema = models_json_schema([(model, "validation") for model in dict.fromkeys(models)])
    definitions = schema["$defs"]
    whole = definitions.pop(references[Config, "validation"]["$ref"].rpartition("/")[2])
    for kind, found in plugins.items():
        if not found:
            continue
        default = getattr(Config.model_fields.get(kind), "default", None)
        parts = [_part(plugin.name, references[plugin.config, "validation"], default) for plugin in found]
        if kind == "connector":
            whole["properties"]["connectors"]["items"] = {"anyOf": parts}
        else:
            whole["properties"][kind] = {"description": Config.model_fields[kind].description, "anyOf": parts}
    for settings in telemetry:
        definitions["TelemetrySettings"]["properties"]["config"] = dict(references[settings, "validation"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole, "$defs": definitions}


def _part(name: str, config: Mapping[str, Any], default: Any) -> dict[str, Any]:
    """The schema of a part with this plugin. The name may be left out for the default plugin alone."""
    return {
        "type": "object",
        "properties": {"name": {"const": name}, "config": dict(config)},
        "required": [] if default is not None and default.name == name else ["name"],
        "additionalProperties": False,
    }
