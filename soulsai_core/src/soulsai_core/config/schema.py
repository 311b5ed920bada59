"""A JSON schema of the whole configuration, by which editors complete and check YAML files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from soulsai_core.config.models import Config

if TYPE_CHECKING:
    from soulsai_core.plugins.catalog import Catalog

SCHEMA_FILE = "config.schema.json"
SCHEMA_COMMENT = f"# yaml-language-server: $schema={SCHEMA_FILE}"
"""First line of YAML files, by which the YAML extensions of editors find the schema."""

PLUGINS = "soulsai.plugins"
"""Key in the JSON schema of a model that is `{name, config}` of a plugin: its kind, such as "network"."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_KINDS = ("environment", "algorithm", "connector", "network", "wrapper")


def config_schema(catalog: Catalog) -> dict[str, Any]:
    """JSON schema of config.yaml, with the settings of every installed plugin that can be used."""
    found = _usable(catalog)
    models: list[type[BaseModel]] = [
        Config,
        *dict.fromkeys(model for models in found.values() for model in models.values()),
    ]
    # One schema for all models: each is defined once, even if several plugins share it.
    references, schema = models_json_schema([(model, "validation") for model in models])
    definitions = schema["$defs"]
    whole = definitions.pop(references[Config, "validation"]["$ref"].rpartition("/")[2])
    parts = {
        kind: [_part(name, references[model, "validation"]) for name, model in found[kind].items()] for kind in _KINDS
    }
    for kind in ("environment", "algorithm"):
        if parts[kind]:
            default = Config.model_fields[kind].default.name
            description = Config.model_fields[kind].description
            whole["properties"][kind] = {"description": description, "anyOf": _optional(parts[kind], default)}
    if parts["connector"]:
        whole["properties"]["connectors"]["items"] = {"anyOf": parts["connector"]}
    _put_choices(definitions, parts)
    for settings in found["telemetry"].values():
        definitions["TelemetrySettings"]["properties"]["config"] = dict(references[settings, "validation"])
    return {"$schema": _DIALECT, **whole, "$defs": definitions}


def _usable(catalog: Catalog) -> dict[str, dict[str, type[BaseModel]]]:
    """Kind -> name in the configuration -> model of the settings, of all plugins that can be used."""
    found: dict[str, dict[str, type[BaseModel]]] = {kind: {} for kind in (*_KINDS, "telemetry")}
    for row in catalog.listing():
        if row.kind in found and row.error is None:
            found[row.kind][row.choice] = catalog.chosen(row.kind, row.choice).config
    return found


def _part(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of `{name, config}` with this plugin."""
    return {
        "type": "object",
        "properties": {"name": {"const": name}, "config": dict(config)},
        "required": ["name"],
        "additionalProperties": False,
    }


def _optional(parts: Sequence[dict[str, Any]], default: str) -> list[dict[str, Any]]:
    """The same with a name that may be left out for the default plugin alone."""
    return [{**part, "required": []} if part["properties"]["name"]["const"] == default else part for part in parts]


def _put_choices(definitions: dict[str, Any], parts: Mapping[str, Sequence[dict[str, Any]]]) -> None:
    """Put the settings of each plugin into the models that choose one by name, such as a network of an algorithm."""
    for name, model in list(definitions.items()):
        kind = model.get(PLUGINS)
        if kind not in parts or not parts[kind]:
            continue
        default = model["properties"]["name"].get("default")
        choices = _optional(parts[kind], default)
        # A default such as "auto" is no plugin, but lets the algorithm choose one.
        if default is not None and all(part["properties"]["name"]["const"] != default for part in choices):
            choices = [{**_part(default, {"type": "object"}), "required": []}, *choices]
        definitions[name] = {"description": model.get("description", ""), "anyOf": choices}
