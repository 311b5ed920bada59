"""config_d.yaml < preset < config.yaml < SOULSAI_… variables < --set: read, merged, checked by the core's models."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from soulsai_core.config.errors import complaints, raise_if_any
from soulsai_core.config.models import Config, Part
from soulsai_core.config.shape import section, setting_paths
from soulsai_core.config.sources import Layer, Sources
from soulsai_core.config.yaml_text import load
from soulsai_core.errors import ConfigError

if TYPE_CHECKING:
    from soulsai_core.plugins.catalog import Catalog

CONFIG_FILE = "config.yaml"
DEFAULTS_FILE = "config_d.yaml"
PREFIX = "SOULSAI_"
_PARTS = ("algorithm", "environment")


def load_config(
    config_file: Path | None = None,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
    catalog: Catalog | None = None,
) -> Config:
    """The settings of all layers together.

    Args:
        config_file: None reads config.yaml of this folder if there is one. A config_d.yaml beside it lies below it.
        overrides: "a.b=value" as given to --set; values are YAML.
        environ: SOULSAI_A__B=value sets a.b; an empty value counts as not set.
        catalog: where a preset that is named in any layer is looked up; None takes what is installed.

    Raises ConfigError with a line for every setting that is unknown or does not fit, PluginError for a preset that
    cannot be used.
    """
    defaults, chosen = read_files(config_file)
    spoken = [chosen, read_environment(environ), read_overrides(overrides)]
    preset = _preset_name([layer for tier in (defaults, *spoken) for layer in tier])
    return check([defaults, *([read_preset(preset, catalog)] if preset else []), *spoken])


def load_environment(environ: Mapping[str, str]) -> Config:
    """The settings of SOULSAI_… variables alone, for those who do not host a training."""
    return check([read_environment(environ)])


def _preset_name(layers: Sequence[Layer]) -> str | None:
    """What the highest layer that names one says; what is no name at all is left to the check of the settings."""
    names = [layer.values["preset"] for layer in layers if "preset" in layer.values]
    return names[-1] if names and isinstance(names[-1], str) else None


def read_preset(name: str, catalog: Catalog | None = None) -> list[Layer]:
    """The layer of an installed preset."""
    if catalog is None:
        from soulsai_core.plugins.catalog import Catalog

        catalog = Catalog()
    return [Layer(f"the preset {name}", dict(catalog.preset(name).values))]


def check(tiers: Iterable[Sequence[Layer]]) -> Config:
    """Lay tiers over each other, the lowest first, and hold the result against the core's models.

    A tier is what was said in one go, such as all of --set: a name there keeps the config that stands beside it.
    """
    tiers = list(tiers)
    values: dict[str, Any] = {part: {"name": Config.model_fields[part].default.name} for part in _PARTS}
    for tier in tiers:
        values = overlay(values, reduce(merge, (_without_empty_sections(layer.values, Config) for layer in tier), {}))
    sources = Sources([layer for tier in tiers for layer in tier])
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise_if_any(complaints(error, Config, values, sources))
        raise
    config._sources = sources
    return config


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both, key by key; where both have a key, mappings merge and anything else of `over` replaces."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def overlay(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`merge`, but a part whose name changes leaves its old config behind."""
    kept = {key: value for key, value in base.items() if not _renames(value, over.get(key), key)}
    return merge(kept, over)


def _renames(below: Any, above: Any, key: str) -> bool:
    mappings = isinstance(below, Mapping) and isinstance(above, Mapping)
    return key in _PARTS and mappings and above.get("name", below.get("name")) != below.get("name")


def _without_empty_sections(values: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """A section with all its lines commented out is null in YAML, and says nothing."""
    kept = {}
    for key, value in values.items():
        field = model.model_fields.get(key)
        inner = section(field.annotation) if field else None
        if value is None and (inner is not None or (model is Part and key == "config")):
            continue
        kept[key] = _without_empty_sections(value, inner) if inner and isinstance(value, Mapping) else value
    return kept


def read_files(config_file: Path | None) -> tuple[list[Layer], list[Layer]]:
    """The layer of config_d.yaml and that of config.yaml, or of the file given in its place, where they are there."""
    if config_file is not None and not config_file.is_file():
        raise ConfigError(f"There is no configuration file {config_file}.")
    chosen = config_file or Path(CONFIG_FILE)
    defaults = chosen.with_name(DEFAULTS_FILE)
    below = [read_file(defaults)] if defaults.is_file() and defaults != chosen else []
    return below, [read_file(chosen)] if chosen.is_file() else []


def read_file(file: Path) -> Layer:
    """One YAML or JSON file; an empty one is a layer that says nothing."""
    try:
        values = load(file.read_text(encoding="utf-8-sig"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}.") from None
    if not isinstance(values, dict | None):
        raise ConfigError(f"{file} must hold settings as `key: value`, but it holds a {type(values).__name__}.")
    return Layer(str(file), values or {})


def read_environment(environ: Mapping[str, str]) -> list[Layer]:
    """A layer for each SOULSAI_… variable that is a setting. Others are left alone, unless they look like a slip."""
    names = sorted(name for name in environ if name.startswith(PREFIX) and environ[name].strip())
    keys = {name: name.removeprefix(PREFIX).lower() for name in names}
    raise_if_any([complaint for name in names if (complaint := _slip(name, keys[name]))])
    return [
        _setting(tuple(keys[name].split("__")), environ[name], name)
        for name in names
        if "__" in keys[name] or keys[name] in Config.model_fields
    ]


def _slip(name: str, key: str) -> str | None:
    """`SOULSAI_RUN_NAME` was meant as `SOULSAI_RUN__NAME`."""
    for path in setting_paths(Config):
        if len(path) > 1 and key == "_".join(path):
            meant = PREFIX + "__".join(path).upper()
            return f"{name}: two underscores separate levels, so this variable sets nothing. Did you mean {meant}?"
    return None


def read_overrides(overrides: Sequence[str]) -> list[Layer]:
    """A layer for each `a.b=value`."""
    layers = []
    for override in overrides:
        key, equals, value = override.partition("=")
        path = tuple(key.strip().split("."))
        if not equals or not all(path):
            raise ConfigError(f"--set {override}: write it as name.of.setting=value.")
        layers.append(_setting(path, value, "--set"))
    return layers


def _setting(path: tuple[str, ...], text: str, origin: str) -> Layer:
    value = load(text, f"{origin} ({'.'.join(path)})")
    for key in reversed(path):
        value = {key: value}
    return Layer(origin, value)
