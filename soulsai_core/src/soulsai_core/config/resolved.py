"""The second check of settings: finds the plugins that the configuration names, and lets each check its own part."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic_core import to_jsonable_python

from soulsai_core.config.errors import raise_if_any, sentences_of
from soulsai_core.config.models import Config, Part
from soulsai_core.config.numeric_text import restore_texts
from soulsai_core.config.sources import Layer, Path, Sources
from soulsai_core.contracts import (
    AlgorithmPlugin,
    ConnectorPlugin,
    EnvironmentPlugin,
    TelemetryPlugin,
    WrapperPlugin,
)
from soulsai_core.errors import PluginError

if TYPE_CHECKING:
    from soulsai_core.plugins.catalog import Catalog
    from soulsai_core.plugins.checks import LongCalls

log = logging.getLogger(__name__)

Plugin = AlgorithmPlugin | EnvironmentPlugin | ConnectorPlugin | TelemetryPlugin | WrapperPlugin
Connectors = tuple[tuple[ConnectorPlugin, BaseModel], ...]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A configuration whose plugins are found and checked.

    Attributes:
        config: with every default of the plugins filled in.
        algorithm_config, environment_config: settings as objects of the plugins' own models.
        connectors: each connector with its settings, in the order of the configuration.
        telemetry_config: settings of the telemetry node, None if it is not installed or disabled.
        calls: finds out which call of the plugins takes long; None: nothing does.
    """

    config: Config
    algorithm: AlgorithmPlugin
    algorithm_config: BaseModel
    environment: EnvironmentPlugin
    environment_config: BaseModel
    connectors: Connectors
    telemetry_config: BaseModel | None = None
    calls: LongCalls | None = None

    def public(self) -> dict[str, Any]:
        """All settings as JSON-able values without secrets: announced to clients, saved in the run's folder, shown."""
        return public_values(self.config)


def resolve(config: Config, catalog: Catalog) -> Resolved:
    """Find the chosen plugins and check their settings.

    Raises PluginError for a plugin that cannot be used, then ConfigError with a line for every wrong setting.
    """
    # All plugins first: settings of a plugin cannot be checked without it.
    algorithm = catalog.algorithm(config.algorithm.name)
    environment = catalog.environment(config.environment.name)
    connectors = _connectors(config, catalog)
    telemetry = _telemetry(config, catalog)
    chosen: list[tuple[Plugin, Part, Path]] = [
        (algorithm, config.algorithm, ("algorithm", "config")),
        (environment, config.environment, ("environment", "config")),
        *connectors,
        *telemetry,
    ]
    of_algorithm, of_environment, *others = _check_all(chosen, config.sources)
    of_connectors = others[: len(connectors)]
    of_telemetry = next(iter(others[len(connectors) :]), None)
    filled: dict[str, Any] = {
        "algorithm": _filled(config.algorithm, of_algorithm),
        "environment": _filled(config.environment, of_environment),
        "connectors": tuple(_filled(c.part, checked) for c, checked in zip(connectors, of_connectors, strict=True)),
    }
    if of_telemetry is not None:
        filled["telemetry"] = config.telemetry.model_copy(update={"config": of_telemetry.model_dump()})
    return Resolved(
        config=config.model_copy(update=filled),
        algorithm=algorithm,
        algorithm_config=of_algorithm,
        environment=environment,
        environment_config=of_environment,
        connectors=tuple((c.plugin, checked) for c, checked in zip(connectors, of_connectors, strict=True)),
        telemetry_config=of_telemetry,
        calls=catalog.calls,
    )


def resolve_telemetry(config: Config, catalog: Catalog) -> tuple[BaseModel, Connectors]:
    """The telemetry node's settings, and the connectors that it runs. The algorithm and the environment need not be
    installed. Raises as `resolve` does."""
    connectors = [chosen for chosen in _connectors(config, catalog) if chosen.plugin.home == "telemetry"]
    own = _Chosen(catalog.telemetry(), _telemetry_part(config), ("telemetry", "config"))
    settings, *others = _check_all([own, *connectors], config.sources)
    return settings, tuple((c.plugin, checked) for c, checked in zip(connectors, others, strict=True))


class _Chosen(NamedTuple):
    """A plugin that the configuration names, its settings, and their path in the configuration."""

    plugin: Any
    part: Part
    path: Path


def _connectors(config: Config, catalog: Catalog) -> list[_Chosen]:
    return [
        _Chosen(catalog.connector(part.name), part, ("connectors", position, "config"))
        for position, part in enumerate(config.connectors)
    ]


def _telemetry(config: Config, catalog: Catalog) -> list[_Chosen]:
    """The telemetry node, none if it is disabled. If `enabled` is null, it may also be missing or broken."""
    enabled = config.telemetry.enabled
    if enabled is False or (enabled is None and not catalog.has("telemetry", "telemetry")):
        return []
    try:
        return [_Chosen(catalog.telemetry(), _telemetry_part(config), ("telemetry", "config"))]
    except PluginError as error:
        if enabled:
            raise
        log.warning("%s Training goes on without telemetry.", error)
        return []


def _telemetry_part(config: Config) -> Part:
    return Part(name="telemetry", config=config.telemetry.config)


def check_part(plugin: Plugin, values: Mapping[str, Any], path: tuple[str, ...], origin: str) -> BaseModel:
    """The plugin's settings from values that are not from the layers, such as those that the server announced.

    Args:
        path: path of the values in the configuration, for errors.
        origin: who gave the values, in words, for errors.
    """
    # Nested as in a configuration, so that an error has the path that a user would write.
    nested: dict[str, Any] = dict(values)
    for key in reversed(path):
        nested = {key: nested}
    [checked] = _check_all(
        [(plugin, Part(name=plugin.name, config=dict(values)), path)], Sources([Layer(origin, nested)])
    )
    return checked


def public_values(model: BaseModel) -> dict[str, Any]:
    """JSON-able values of a model, leaving out secrets."""
    return to_jsonable_python(_without_secrets(model.model_dump()))


def _check_all(chosen: Sequence[tuple[Plugin, Part, Path]], sources: Sources) -> Iterator[BaseModel]:
    """The checked settings of each plugin. Raises one ConfigError with the errors of all of them."""
    checked: list[BaseModel] = []
    wrong: list[str] = []
    for plugin, part, path in chosen:
        values = restore_texts(part.config, plugin.config, sources, path)
        try:
            checked.append(plugin.config.model_validate(values))
        except ValidationError as error:
            wrong += sentences_of(error, plugin.config, values, sources, path)
    raise_if_any(wrong)
    return iter(checked)


def _filled(part: Part, config: BaseModel) -> Part:
    # Its name as it was chosen, which may be distribution:name: a client finds the same plugin by it.
    return Part(name=part.name, config=config.model_dump())


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _without_secrets(v) for k, v in value.items() if not isinstance(v, SecretStr | SecretBytes)}
    if isinstance(value, list | tuple):
        return [_without_secrets(item) for item in value if not isinstance(item, SecretStr | SecretBytes)]
    return value
