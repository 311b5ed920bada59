"""The second pass: finds the plugins that the configuration names and lets each check its own part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic_core import to_jsonable_python

from soulsai_core.config.complaints import complaints, raise_if_any
from soulsai_core.config.models import Config, Part
from soulsai_core.config.sources import Layer, Path, Sources
from soulsai_core.contracts import AlgorithmPlugin, ConnectorPlugin, EnvironmentPlugin, WrapperPlugin

if TYPE_CHECKING:
    from soulsai_core.catalog import Catalog

Plugin = AlgorithmPlugin | EnvironmentPlugin | ConnectorPlugin | WrapperPlugin


@dataclass(frozen=True, slots=True)
class Resolved:
    """A configuration whose plugins are found and checked.

    Attributes:
        config: with every default of the plugins filled in.
        algorithm_config, environment_config: objects of the plugins' own models.
        connectors: each connector with its settings, in the order of the configuration.
    """

    config: Config
    algorithm: AlgorithmPlugin
    algorithm_config: BaseModel
    environment: EnvironmentPlugin
    environment_config: BaseModel
    connectors: tuple[tuple[ConnectorPlugin, BaseModel], ...]

    def public(self) -> dict[str, Any]:
        """JSON-able values without secrets, as announced, saved and shown."""
        return public_values(self.config)


def resolve(config: Config, catalog: Catalog) -> Resolved:
    """Find the chosen plugins and check their settings.

    Raises PluginError for a plugin that cannot be used, then ConfigError with a line for every wrong setting.
    """
    algorithm, environment = catalog.algorithm(config.algorithm.name), catalog.environment(config.environment.name)
    connectors = [catalog.connector(part.name) for part in config.connectors]
    chosen: list[tuple[Plugin, Part, Path]] = [
        (algorithm, config.algorithm, ("algorithm", "config")),
        (environment, config.environment, ("environment", "config")),
    ]
    for position, connector in enumerate(connectors):
        chosen.append((connector, config.connectors[position], ("connectors", position, "config")))
    of_algorithm, of_environment, *of_connectors = _check_all(chosen, config.sources)
    filled = {
        "algorithm": _filled(algorithm, of_algorithm),
        "environment": _filled(environment, of_environment),
        "connectors": tuple(map(_filled, connectors, of_connectors)),
    }
    return Resolved(
        config=config.model_copy(update=filled),
        algorithm=algorithm,
        algorithm_config=of_algorithm,
        environment=environment,
        environment_config=of_environment,
        connectors=tuple(zip(connectors, of_connectors, strict=True)),
    )


def check_part(plugin: Plugin, values: Mapping[str, Any], path: tuple[str, ...], origin: str) -> BaseModel:
    """The plugin's settings from values that came another way than the layers, such as from the server.

    Args:
        path, origin: where the values stand in the configuration, and who gave them, in words.
    """
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


def _check_all(chosen: list[tuple[Plugin, Part, Path]], sources: Sources) -> Iterator[BaseModel]:
    checked: list[BaseModel] = []
    wrong: list[str] = []
    for plugin, part, path in chosen:
        try:
            checked.append(plugin.config.model_validate(part.config))
        except ValidationError as error:
            wrong += complaints(error, plugin.config, part.config, sources, path)
    raise_if_any(wrong)
    return iter(checked)


def _filled(plugin: Plugin, config: BaseModel) -> Part:
    return Part(name=plugin.name, config=config.model_dump())


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _without_secrets(v) for k, v in value.items() if not isinstance(v, SecretStr | SecretBytes)}
    if isinstance(value, list | tuple):
        return [_without_secrets(item) for item in value if not isinstance(item, SecretStr | SecretBytes)]
    return value
