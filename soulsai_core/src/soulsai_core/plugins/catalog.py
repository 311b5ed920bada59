"""Finds installed plugins through their entry points. No other module of the core reads entry points of plugins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from pydantic import BaseModel
from stevedore.named import NamedExtensionManager

from soulsai_core.contracts import (
    API_VERSION,
    AlgorithmPlugin,
    ConnectorPlugin,
    EnvironmentPlugin,
    NetworkPlugin,
    PresetPlugin,
    TelemetryPlugin,
    WrapperPlugin,
)
from soulsai_core.errors import PluginError
from soulsai_core.plugins.checks import checked


class _Kind(NamedTuple):
    group: str
    type: type[Any]


_KINDS = {
    "algorithm": _Kind("soulsai.algorithms", AlgorithmPlugin),
    "environment": _Kind("soulsai.environments", EnvironmentPlugin),
    "connector": _Kind("soulsai.connectors", ConnectorPlugin),
    "network": _Kind("soulsai.networks", NetworkPlugin),
    "preset": _Kind("soulsai.presets", PresetPlugin),
    "telemetry": _Kind("soulsai.telemetry", TelemetryPlugin),
    "wrapper": _Kind("soulsai.wrappers", WrapperPlugin),
}

_HOMES = {
    "soulsai-dqn": (
        "dqn",
        "double_dqn",
        "rainbow",
        "apex",
        "r2d2",
        "high_replay",
        "mlp",
        "nature_cnn",
        "impala_cnn",
    ),
    "soulsai-ppo": ("ppo",),
    "soulsai-sac": ("sac",),
    "soulsai-souls-env": ("souls", "iudex", "iudex-simulated"),
    "soulsai-telemetry": (
        "telemetry",
        "figure",
        "grafana",
        "json_file",
        "mlflow",
        "prometheus",
        "tensorboard",
        "wandb",
    ),
}
"""Our own distributions and the names of their plugins, to suggest one for a missing name. No others are suggested."""


@dataclass(frozen=True, slots=True)
class Row:
    """One installed entry point; `error` says why it cannot be used, None if it can."""

    group: str
    name: str
    distribution: str
    version: str
    error: str | None


class _Manager(NamedExtensionManager):
    """Loads the given entry points with stevedore.

    stevedore's own list of entry points comes from a cache on disk. It may be older than the installation, merges
    duplicates, and does not know the distributions.
    """

    def __init__(self, found: Sequence[EntryPoint], group: str, name: str, failed: Callable[..., None]) -> None:
        self._found = list(found)
        super().__init__(group, [name], on_load_failure_callback=failed, on_missing_entrypoints_callback=None)

    def list_entry_points(self) -> list[EntryPoint]:
        return self._found


class Catalog:
    """Finds plugins by name, and imports only the one asked for. What plugins return is checked (see `checks`).

    Args:
        source: group -> its entry points. By default those that are installed at the time of each call.
    """

    def __init__(self, source: Callable[[str], Iterable[EntryPoint]] = lambda group: entry_points(group=group)) -> None:
        self._source = source

    def algorithm(self, name: str) -> AlgorithmPlugin:
        """The algorithm with this name. Raises PluginError with the reason if it cannot be used, as the others do."""
        return self._chosen("algorithm", name)

    def environment(self, name: str) -> EnvironmentPlugin:
        return self._chosen("environment", name)

    def connector(self, name: str) -> ConnectorPlugin:
        return self._chosen("connector", name)

    def wrapper(self, name: str) -> WrapperPlugin:
        return self._chosen("wrapper", name)

    def network(self, name: str) -> NetworkPlugin:
        return self._chosen("network", name)

    def preset(self, name: str) -> PresetPlugin:
        return self._chosen("preset", name)

    def telemetry(self) -> TelemetryPlugin:
        return self._chosen("telemetry", "telemetry")

    def has(self, kind: str, name: str) -> bool:
        """Whether such a plugin is installed, usable or not. Imports nothing."""
        return any(entry.name == name for entry in self._entries(kind))

    def usable(self, kind: str) -> list[Any]:
        """All plugins of a kind ("algorithm", "environment" ...) that can be used, by name. Imports them all."""
        names = {row.name for row in self.listing() if row.group == _KINDS[kind].group and row.error is None}
        return [self._chosen(kind, name) for name in sorted(names)]

    def listing(self) -> list[Row]:
        """Everything installed, usable or not. Imports it all."""
        found = [(kind, entry) for kind in _KINDS for entry in self._entries(kind)]
        return [self._row(kind, entry) for kind, entry in found]

    def _entries(self, kind: str) -> list[EntryPoint]:
        return sorted(self._source(_KINDS[kind].group), key=lambda entry: (entry.name, _home(entry)))

    def _row(self, kind: str, entry: EntryPoint) -> Row:
        try:
            self._chosen(kind, entry.name)
            error = None
        except PluginError as problem:
            error = str(problem)
        distribution, version = (entry.dist.name, entry.dist.version) if entry.dist else ("", "")
        return Row(_KINDS[kind].group, entry.name, distribution, version, error)

    def _chosen(self, kind: str, name: str) -> Any:
        entries = self._entries(kind)
        named = [entry for entry in entries if entry.name == name]
        others = [entry for entry in entries if entry.name != name]
        if not named:
            raise PluginError(
                f"There is no {kind} {name!r} installed. {_alternatives(others)} {self._advice(kind, name)}".rstrip()
            )
        # Neither of two is chosen: which of them comes first depends on the installation.
        if len(named) > 1:
            homes = " and ".join(map(_home, named))
            raise PluginError(f"The {kind} {name!r} is installed more than once, by {homes}: uninstall all but one.")
        problem = f"The {kind} {name!r} of {_home(named[0])} cannot be used: "
        plugin = _load(named[0], problem, _alternatives(others))
        flaw = _flaw(plugin, kind, name)
        if flaw:
            raise PluginError(f"{problem}{flaw}. {_alternatives(others)}")
        return checked(plugin, _home(named[0]))

    def _advice(self, kind: str, name: str) -> str:
        """What to do about a plugin that is not installed; empty if there is nothing near."""
        if kind != "preset" and self.has("preset", name):
            return f"It is a preset: --preset {name}"
        home = next((home for home, names in _HOMES.items() if name in names), None)
        if home:
            return f"Try: pip install {home}"
        near = get_close_matches(name, [entry.name for entry in self._entries(kind)], n=1)
        return f"Did you mean {near[0]!r}?" if near else ""


def _load(entry: EntryPoint, problem: str, advice: str) -> Any:
    """The object of an entry point. Raises PluginError whatever its import raises."""
    failures: list[BaseException] = []
    try:
        manager = _Manager([entry], entry.group, entry.name, lambda _manager, _entry, error: failures.append(error))
    except (AssertionError, SystemExit) as error:
        # stevedore passes these two on, and calls `failed` for all others.
        failures.append(error)
    if failures:
        reason = " ".join(f"{type(failures[0]).__name__}: {failures[0]}".split())
        raise PluginError(f"{problem}{reason}. {advice}") from failures[0]
    return manager.extensions[0].plugin


def _flaw(plugin: Any, kind: str, name: str) -> str | None:
    """Why an object cannot be used as a plugin of this kind and name; None if it can."""
    wanted = _KINDS[kind].type.__name__
    if isinstance(plugin, type):
        return f"its entry point names the class {plugin.__name__} and must name an object, made by {wanted}(…)"
    if not isinstance(plugin, _KINDS[kind].type):
        return f"its entry point names an object of type {type(plugin).__name__}, which is no {wanted}"
    if plugin.api_version != API_VERSION:
        return f"it is made for api_version {plugin.api_version} and this soulsai-core has {API_VERSION}"
    if plugin.name != name:
        return f"the plugin calls itself {plugin.name!r}, and the two names must be equal"
    if isinstance(plugin, PresetPlugin):
        return None if isinstance(plugin.values, Mapping) else "its values are no mapping"
    if not (isinstance(plugin.config, type) and issubclass(plugin.config, BaseModel)):
        return "its config is no pydantic model class"
    return None


def _home(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unnamed distribution"


def _alternatives(others: Sequence[EntryPoint]) -> str:
    if not others:
        return "No other is installed."
    return "Installed: " + ", ".join(f"{entry.name} ({_home(entry)})" for entry in others) + "."
