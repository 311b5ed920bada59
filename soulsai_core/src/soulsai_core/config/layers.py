"""Reads the layers config_d.yaml < presets < config.yaml < SOULSAI_… variables < --set, merges and checks them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from soulsai_core.config.errors import raise_if_any, sentences_of
from soulsai_core.config.models import Config, Part
from soulsai_core.config.numeric_text import restore_texts
from soulsai_core.config.sections import section, setting_paths
from soulsai_core.config.sources import Layer, Sources
from soulsai_core.config.text_file import read_text
from soulsai_core.config.yaml_text import load, load_written
from soulsai_core.errors import ConfigError

if TYPE_CHECKING:
    from soulsai_core.plugins.catalog import Catalog

CONFIG_FILE = "config.yaml"
DEFAULTS_FILE = "config_d.yaml"
PREFIX = "SOULSAI_"
_PARTS = ("algorithm", "environment")

_DEEPEST = 100
"""Most words of a setting's name: each is a group within the one before, and groups are looked through recursively."""


def load_config(
    config_file: Path | None = None,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
    catalog: Catalog | None = None,
) -> Config:
    """The settings of all layers together.

    Args:
        config_file: a file to use as config.yaml; None takes the one in the working directory, if it exists. A
            config_d.yaml in the same folder is the layer below.
        overrides: "a.b=value" as in --set; values are YAML.
        environ: SOULSAI_A__B=value sets a.b; an empty value counts as not set.
        catalog: finds the presets that the layers name; None looks among the installed ones.

    Raises ConfigError with a line for every setting that is unknown or does not fit, PluginError for a preset that
    cannot be used.
    """
    defaults, chosen = read_files(config_file)
    own = [chosen, read_environment(environ), read_overrides(overrides)]
    presets = preset_names([layer for tier in (defaults, *own) for layer in tier])
    return check([defaults, *_read_presets(presets, catalog), *own])


def load_environment(environ: Mapping[str, str]) -> Config:
    """The settings of SOULSAI_… variables alone, for commands that do not read configuration files."""
    return check([read_environment(environ)])


def preset_names(layers: Sequence[Layer]) -> Sequence[str]:
    """The presets that the highest layer with a `preset` names. A value that is no name is left to `check`."""
    given = [layer.values["preset"] for layer in layers if "preset" in layer.values]
    newest: Any = given[-1] if given else []
    names: list[Any] = newest if isinstance(newest, list) else [newest]
    return names if all(isinstance(name, str) for name in names) else []


def presets_as_overrides(overrides: Sequence[str], catalog: Catalog | None = None) -> list[str]:
    """The settings of the presets that these overrides name, as overrides: for a file that presets are to override."""
    tiers = _read_presets(preset_names(read_overrides(overrides)), catalog)
    values: dict[str, Any] = reduce(overlay, (layer.values for tier in tiers for layer in tier), {})
    return [f"{key}={json.dumps(value)}" for key, value in values.items()]


def _read_presets(names: Sequence[str], catalog: Catalog | None = None) -> list[list[Layer]]:
    """A tier for each preset, the first one lowest."""
    if names and catalog is None:
        # Only here, since stevedore is slow to import and most commands have no preset.
        from soulsai_core.plugins.catalog import Catalog

        catalog = Catalog()
    return [[Layer(f"the preset {name}", dict(catalog.preset(name).values))] for name in names if catalog]


def check(tiers: Iterable[Sequence[Layer]]) -> Config:
    """Lay tiers over each other, the lowest first, and check the result with the core's models.

    A tier is a group of layers that belong together, such as all of --set: within it the name of a part keeps the
    config next to it. Across tiers a new name drops the config below it, which was meant for another plugin.
    """
    tiers = list(tiers)
    # The default names stand below all tiers, so that another name in the lowest one drops nothing but defaults.
    values: dict[str, Any] = {part: {"name": Config.model_fields[part].default.name} for part in _PARTS}
    for tier in tiers:
        values = overlay(values, reduce(merge, (_without_empty_sections(layer.values, Config) for layer in tier), {}))
    sources = Sources([layer for tier in tiers for layer in tier])
    # Presets are looked up before this check, by names that no number is.
    named = {key: value for key, value in values.items() if key == "preset"}
    values = {**restore_texts(values, Config, sources), **named}
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise_if_any(sentences_of(error, Config, values, sources))
        raise
    config._sources = sources
    return config


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both mappings together. Where both have a key, mappings are merged; any other value of `over` replaces."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def overlay(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`merge`, except that a part with a new name drops its old config."""
    kept = {key: value for key, value in base.items() if not _renames(value, over.get(key), key)}
    return merge(kept, over)


def _renames(below: Any, above: Any, key: str) -> bool:
    mappings = isinstance(below, Mapping) and isinstance(above, Mapping)
    return key in _PARTS and mappings and above.get("name", below.get("name")) != below.get("name")


def _without_empty_sections(values: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """The values without sections that are null, as YAML reads a section with all of its lines commented out."""
    kept = {}
    for key, value in values.items():
        field = model.model_fields.get(key)
        inner = section(field.annotation) if field else None
        if value is None and (inner is not None or (model is Part and key == "config")):
            continue
        kept[key] = _without_empty_sections(value, inner) if inner and isinstance(value, Mapping) else value
    return kept


def read_files(config_file: Path | None) -> tuple[list[Layer], list[Layer]]:
    """The layers of config_d.yaml and of config.yaml, or of `config_file` in its place; none for a missing file."""
    if config_file is not None and not config_file.is_file():
        raise ConfigError(f"There is no configuration file {config_file}.")
    chosen = config_file or Path(CONFIG_FILE)
    defaults = chosen.with_name(DEFAULTS_FILE)
    below = [read_file(defaults)] if defaults.is_file() and defaults != chosen else []
    return below, [read_file(chosen)] if chosen.is_file() else []


def read_file(file: Path) -> Layer:
    """The layer of one YAML or JSON file; that of an empty file sets nothing."""
    try:
        text = read_text(file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} cannot be read: {error}.") from None
    values = load(text, str(file))
    if not isinstance(values, dict | None):
        raise ConfigError(f"{file} must hold settings as `key: value`, but it holds a {type(values).__name__}.")
    return Layer(str(file), values or {}, load_written(text) or {})


def read_environment(environ: Mapping[str, str]) -> list[Layer]:
    """A layer for each SOULSAI_… variable that is a setting. Others are ignored, unless they look like a mistake."""
    # Sorted, so that errors come in the same order everywhere.
    names = sorted(name for name in environ if name.startswith(PREFIX) and environ[name].strip())
    keys = {name: name.removeprefix(PREFIX).lower() for name in names}
    raise_if_any([sentence for name in names if (sentence := _single_underscore(name, keys[name]))])
    return [
        _setting(_path_of(name.removeprefix(PREFIX).split("__")), environ[name], name)
        for name in names
        if "__" in keys[name] or keys[name] in Config.model_fields
    ]


def _single_underscore(name: str, key: str) -> str | None:
    """The error of a variable such as `SOULSAI_RUN_NAME`, which must be `SOULSAI_RUN__NAME`."""
    # Only the paths of real settings: SOULSAI_REDIS_PASSWORD and others are variables of their own.
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
        if len(path) > _DEEPEST:
            raise ConfigError(f"--set {key:.60}...: a name has at most {_DEEPEST} words with dots between them.")
        layers.append(_setting(path, value, "--set"))
    return layers


def _path_of(words: Sequence[str]) -> tuple[str, ...]:
    """The path of a setting from the words of a variable's name, which are mostly in capitals.

    Below the core's own settings, such as in the arguments of an environment, a word of small and large letters stays
    as it is. (Windows has no such variables: there all names are in capitals.)
    """
    model: type[BaseModel] | None = Config
    path = []
    for word in words:
        field = model.model_fields.get(word.lower()) if model else None
        mixed = not (word.isupper() or word.islower())
        path.append(word if mixed and model is None else word.lower())
        model = section(field.annotation) if field else None
    return tuple(path)


def _setting(path: tuple[str, ...], text: str, origin: str) -> Layer:
    value = load(text, f"{origin} ({'.'.join(path)})")
    written = load_written(text)
    for key in reversed(path):
        value = {key: value}
        written = {key: written}
    return Layer(origin, value, written)
