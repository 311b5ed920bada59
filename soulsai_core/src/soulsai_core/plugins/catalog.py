"""Finds installed plugins through their entry points. No other module of the core reads entry points of plugins."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError
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
from soulsai_core.plugins.checks import LongCalls, checked
from soulsai_core.plugins.checks.checker import described


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
        "lunar-lander",
        "cartpole",
        "acrobot",
        "pong",
        "mlp",
        "nature_cnn",
        "impala_cnn",
    ),
    "soulsai-ppo": ("ppo", "minigrid"),
    "soulsai-sac": ("sac", "pendulum", "lunar-lander-continuous"),
    "soulsai-souls-env": ("souls", "iudex", "iudex-simulated", "vordt", "vordt-simulated"),
    "soulsai-telemetry": (
        "telemetry",
        "figure",
        "grafana",
        "json_file",
        "mlflow",
        "notify",
        "prometheus",
        "tensorboard",
        "wandb",
    ),
}
"""Our own distributions and the names of their plugins, to suggest one for a missing name. No others are suggested."""


_FUNCTIONS = {
    "sync": "(config) -> Sync",
    "columns": "(config, spec) -> name -> ArraySpec",
    "learner": "(config, spec, rng) -> Learner",
    "actor": "(config, spec, rng, explore) -> Actor",
    "spec": "(config) -> EnvSpec",
    "make": "that makes an object from the config",
    "build": "(config, shapes, generator) -> torch.nn.Module",
    "wrap": "(env, config) -> gymnasium.Env",
}
"""Attributes of plugins that are functions."""


@dataclass(frozen=True, slots=True)
class Row:
    """One installed entry point.

    Attributes:
        kind: "algorithm", "environment" ...
        error: why it cannot be used, None if it can.
        choice: how the configuration names it: by its name, or as distribution:name where several have the name.
    """

    kind: str
    group: str
    name: str
    distribution: str
    version: str
    error: str | None
    choice: str


class Found(NamedTuple):
    """A plugin that was found by its name alone, and where it comes from."""

    kind: str
    name: str
    distribution: str
    version: str
    plugin: Any


class _Installed(NamedTuple):
    """An entry point and where it comes from; distribution and version are empty if that is not known."""

    point: EntryPoint
    distribution: str
    version: str

    @property
    def home(self) -> str:
        return f"{self.distribution} {self.version}" if self.point.dist else "an unnamed distribution"

    def is_called(self, name: str) -> bool:
        """Whether a configuration means this entry point: by its name, or as distribution:name."""
        distribution, _, plain = name.rpartition(":")
        if not distribution or self.point.dist is None:
            return self.point.name == name
        return self.point.name == plain and _same(self.distribution, distribution)


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

    Where several distributions have a plugin of one name, `distribution:name` is the name of one of them.

    Args:
        source: group -> its entry points. By default those that are installed at the time of each call.
        calls: finds out which call of a plugin takes long.

    Attributes:
        calls: of the plugins found here, and of what they make.
    """

    def __init__(
        self,
        source: Callable[[str], Iterable[EntryPoint]] = lambda group: entry_points(group=group),
        calls: LongCalls | None = None,
    ) -> None:
        self._source = source
        self.calls = calls or LongCalls()

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
        return any(entry.is_called(name) for entry in self._entries(kind))

    def owner(self, kind: str, name: str) -> str:
        """A plugin with its distribution, such as "The algorithm 'mine' of mine 1.2". Imports nothing."""
        found = [entry for entry in self._entries(kind) if entry.is_called(name)]
        return f"The {kind} {name!r} of {found[0].home}" if found else f"The {kind} {name!r}"

    def kinds(self, name: str) -> list[str]:
        """The kinds of which there is such a plugin, usable or not. Imports nothing."""
        return [kind for kind in _KINDS if self.has(kind, name)]

    def chosen(self, kind: str, name: str) -> Any:
        """The plugin of this kind and name."""
        return self._chosen(kind, name)

    def find(self, name: str) -> list[Found]:
        """The plugins with this name, whatever their kinds. Raises PluginError if there is none, or if one cannot be
        used."""
        kinds = self.kinds(name)
        if not kinds:
            near = get_close_matches(name, {entry.point.name for kind in _KINDS for entry in self._entries(kind)}, n=1)
            advice = f"Did you mean {near[0]!r}?" if near else "`soulsai plugins` lists what is installed."
            raise PluginError(f"There is no plugin {name!r} installed. {advice}")
        return [self._found(kind, name) for kind in kinds]

    def _found(self, kind: str, name: str) -> Found:
        plugin = self._chosen(kind, name)
        entry = next(entry for entry in self._entries(kind) if entry.is_called(name))
        return Found(kind, name, entry.distribution, entry.version, plugin)

    def usable(self, kind: str) -> list[Any]:
        """All plugins of a kind ("algorithm", "environment" ...) that can be used, by name. Imports them all."""
        entries = self._entries(kind)
        found = {}
        for entry in entries:
            choice = _choice(entry, entries)
            try:
                found[choice] = self._load(kind, choice, entries)
            except PluginError:
                continue
        return [found[choice] for choice in sorted(found)]

    def listing(self) -> list[Row]:
        """Everything installed, usable or not. Imports it all."""
        installed = {kind: self._entries(kind) for kind in _KINDS}
        return [self._row(kind, entry, entries) for kind, entries in installed.items() for entry in entries]

    def _entries(self, kind: str) -> list[_Installed]:
        sources: dict[int, tuple[str, str]] = {}  # each look at a name or a version reads a file
        found = []
        for point in self._source(_KINDS[kind].group):
            if id(point.dist) not in sources:
                sources[id(point.dist)] = (point.dist.name, point.dist.version) if point.dist else ("", "")
            found.append(_Installed(point, *sources[id(point.dist)]))
        return sorted(found, key=lambda entry: (entry.point.name, entry.home))

    def _row(self, kind: str, entry: _Installed, entries: list[_Installed]) -> Row:
        choice = _choice(entry, entries)
        try:
            self._load(kind, choice, entries)
            error = None
        except PluginError as problem:
            error = str(problem)
        return Row(kind, _KINDS[kind].group, entry.point.name, entry.distribution, entry.version, error, choice)

    def _chosen(self, kind: str, name: str) -> Any:
        return self._load(kind, name, self._entries(kind))

    def _load(self, kind: str, name: str, entries: list[_Installed]) -> Any:
        """The plugin with this name among the entry points of its kind."""
        named = [entry for entry in entries if entry.is_called(name)]
        others = [entry for entry in entries if not entry.is_called(name)]
        if not named:
            advice = self._advice(kind, name)
            near = "" if advice else self._nearest(kind, name)  # first: the list after it is long
            parts = (f"There is no {kind} {name!r} installed.", near, _alternatives(others), advice)
            raise PluginError(" ".join(filter(None, parts)))
        # Neither of two is chosen: which of them comes first depends on the installation.
        if len(named) > 1:
            homes = " and ".join(entry.home for entry in named)
            choices = " or ".join(f"{entry.distribution}:{entry.point.name}" for entry in named if entry.point.dist)
            raise PluginError(
                f"The {kind} {name!r} is installed more than once, by {homes}: choose one by writing {choices}, or "
                "uninstall all but one."
            )
        [entry] = named
        owner = f"The {kind} {entry.point.name!r} of {entry.home}"
        with self.calls.running(owner).calling("its import"):
            plugin = _load(entry.point, f"{owner} cannot be used: ", _alternatives(others))
        flaw = _flaw(plugin, kind, entry.point.name)
        if flaw:
            raise PluginError(f"{owner} cannot be used: {flaw}. {_alternatives(others)}")
        return checked(plugin, entry.home, self.calls)

    def _advice(self, kind: str, name: str) -> str:
        """What to do about a plugin that is not installed; empty if that is not known."""
        if kind != "preset" and self.has("preset", name):
            return f"It is a preset: --preset {name}"
        home = next((home for home, names in _HOMES.items() if name in names), None)
        return f"Try: pip install {home}" if home else ""

    def _nearest(self, kind: str, name: str) -> str:
        """The installed plugin with the most similar name, as a question; empty without one."""
        near = get_close_matches(name, [entry.point.name for entry in self._entries(kind)], n=1)
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
    return _function_flaw(plugin) or _config_flaw(plugin.config) or _choice_flaw(plugin)


def _function_flaw(plugin: Any) -> str | None:
    """Why an attribute that must be a function is none; None if all are."""
    for name, promised in _FUNCTIONS.items():
        if hasattr(plugin, name) and not callable(getattr(plugin, name)):
            return f"its {name} is {described(getattr(plugin, name))}, and must be a function {promised}"
    return None


def _config_flaw(config: Any) -> str | None:
    """Why settings cannot be made of this model; None if they can."""
    if not (isinstance(config, type) and issubclass(config, BaseModel)):
        return f"its config is {described(config)}, which is no pydantic model class"
    try:
        defaults = config()
    except ValidationError as error:
        flaws = [(".".join(map(str, flaw["loc"])), flaw) for flaw in error.errors(include_url=False)]
        names = [name for name, flaw in flaws if flaw["type"] == "missing"]
        if names:
            return f"its config has no default for {', '.join(names)}, and every setting must have one"
        wrong = "; ".join(f"{name}: {flaw['msg']}" for name, flaw in flaws)
        return f"the defaults of its config do not fit it: {wrong}"
    for name in config.model_fields:
        try:
            defaults.model_dump(mode="json", include={name})
        except (PydanticSerializationError, TypeError, ValueError) as error:
            return f"its config has the setting {name}, which is no JSON ({error}), and clients get settings as JSON"
    return None


def _choice_flaw(plugin: Any) -> str | None:
    """Why an attribute with few possible values has another one; None if all fit."""
    if isinstance(plugin, ConnectorPlugin) and plugin.home not in ("training", "telemetry"):
        return f'its home is {plugin.home!r}, and must be "training" or "telemetry", the node that runs it'
    if isinstance(plugin, NetworkPlugin) and not isinstance(plugin.images, bool):
        return f"its images is {plugin.images!r}, and must be True or False"
    return None


def _same(one: str, other: str) -> bool:
    """Whether two names of distributions mean the same one: case and the kind of separators do not count."""
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()


def _choice(entry: _Installed, entries: Sequence[_Installed]) -> str:
    """How a configuration names one of these entry points."""
    name = entry.point.name
    alone = sum(other.point.name == name for other in entries) == 1
    return name if alone else f"{entry.distribution}:{name}"


def _alternatives(others: Sequence[_Installed]) -> str:
    if not others:
        return "No other is installed."
    return "Installed: " + ", ".join(f"{entry.point.name} ({entry.home})" for entry in others) + "."
