"""Settings that are changed while the run goes on: checked, applied between two updates, and recorded in its folder."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import msgspec
from pydantic import BaseModel, ValidationError

from soulsai_core import run_folder
from soulsai_core.config import TrainingSettings, check_part
from soulsai_core.config.errors import raise_if_any, sentences_of
from soulsai_core.config.layers import read_overrides
from soulsai_core.config.live import is_live, live_names
from soulsai_core.config.sources import Layer, Sources, dotted
from soulsai_core.contracts import AlgorithmPlugin, Learner, Transport
from soulsai_core.errors import CheckpointError, ConfigError, TransportError
from soulsai_core.hooks.observers import Observers
from soulsai_core.messages import Announcement, SettingChange
from soulsai_core.node.json_lines import JsonLines
from soulsai_core.node.state import RunState
from soulsai_core.run_folder import RunFolder

log = logging.getLogger(__name__)

_SHOWN = 50
"""Changes that are kept for the status, the newest ones."""

_ALGORITHM = ("algorithm", "config")
_TRAINING = ("training",)


class SettingChanges:
    """The settings of a run that goes on. To be used from the loop's thread; `announcement` from any.

    Args:
        plugin: of the algorithm, whose settings can be changed; None: those of the core alone can.
        config: all settings as JSON-able values.
        learner, folder, state, transport, observers: of the same node.
        wall: seconds since 1970.

    Attributes:
        config: with all changes.
        training: likewise.
        announcement: with all changes; clients read it again when `version` or the node has changed.
        version: number of changes that concern clients and were announced.
    """

    def __init__(
        self,
        plugin: AlgorithmPlugin | None,
        config: Mapping[str, Any],
        training: TrainingSettings,
        announcement: Announcement,
        learner: Learner,
        folder: RunFolder,
        state: RunState,
        transport: Transport,
        observers: Observers,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.config = dict(config)
        self.training = training
        self.announcement = announcement
        self.version = 0
        self._wanted_version = 0
        self._plugin = plugin
        self._learner = learner
        self._folder = folder
        self._state = state
        self._wall = wall
        self._transport = transport
        self._observers = observers
        self._followers: list[Callable[[TrainingSettings], object]] = []
        self._file = JsonLines(folder.changes, SettingChange)
        self._made = list(self._file.read())
        self._state.changes = tuple(self._made[-_SHOWN:])
        self._state.live_settings = self._live_settings()

    def follow(self, *followers: Callable[[TrainingSettings], object]) -> None:
        """Call these with the node's settings after each change of them."""
        self._followers += followers

    def announce(self) -> None:
        """Write the announcement to the server."""
        self._transport.announce(msgspec.json.encode(self.announcement))

    def announce_changes(self) -> None:
        """Announce the newest settings, if clients cannot know of them yet. May be called from any thread."""
        wanted = self._wanted_version
        if self.version != wanted:
            self.announce()
            self.version = wanted  # only now: clients read the announcement when they see another version

    def change(self, overrides: Sequence[str], origin: str) -> list[SettingChange]:
        """Apply `name=value` settings, all or none of them.

        Args:
            origin: who changes them and where, for people.

        Raises ConfigError with a sentence for what cannot be changed, CheckpointError if the folder cannot keep it.
        """
        layers = read_overrides(overrides)
        if not layers:
            raise ConfigError("No setting was given: write name.of.setting=value.")
        return self._apply([(_path(layer.values), layer) for layer in layers], origin)

    def back(self, origin: str) -> list[SettingChange]:
        """Undo the newest change that is not undone. Raises ConfigError if there is none."""
        undone = 0
        # As with brackets: each undoing change belongs to the newest one before it that is not undone yet.
        for change in reversed(self._made):
            if change.undoes:
                undone += 1
            elif undone:
                undone -= 1
            else:
                path = tuple(change.name.split("."))
                layer = Layer("--back", _nested(path, change.before))
                return self._apply([(path, layer)], origin, undoes=True)
        raise ConfigError("There is no change to undo.")

    def _apply(
        self, wanted: Sequence[tuple[tuple[str, ...], Layer]], origin: str, *, undoes: bool = False
    ) -> list[SettingChange]:
        values = self.config
        for path, layer in wanted:
            self._refuse_fixed(path)
            values = _replaced(values, path, _at(layer.values, path))
        concerns_algorithm = any(path[:2] == _ALGORITHM for path, _ in wanted)
        algorithm = self._checked_algorithm(values) if concerns_algorithm else None
        training = _checked_training(values, [layer for _, layer in wanted])
        if training.evaluation.every_s is not None and not self.announcement.evaluates:
            raise ConfigError(
                "training.evaluation.every_s was null when the run began, so that its clients do not evaluate: stop "
                "it, and go on with `soulsai train --resume --set training.evaluation.every_s=60`."
            )
        if algorithm is not None:
            values = _replaced(values, _ALGORITHM, json.loads(algorithm.model_dump_json()))
        values = _replaced(values, _TRAINING, json.loads(training.model_dump_json()))
        changes = [self._changed(path, values, origin, undoes) for path, _ in wanted]
        changes = [change for change in changes if change.before != change.after]
        if not changes:
            raise ConfigError("Nothing changes: these settings have these values already.")
        # The learner before the folder: what it refuses must not be there at a resume.
        if algorithm is not None:
            self._learner.change(algorithm)
        try:
            self._keep(values, changes)
        except CheckpointError:
            if algorithm is not None:
                self._learner.change(self._checked_algorithm(self.config))
            raise
        self.config = values
        self.training = training
        self._state.live_settings = self._live_settings()
        if algorithm is not None:
            self.announcement = msgspec.structs.replace(self.announcement, algorithm=values["algorithm"])
            self._wanted_version += 1
        for follower in self._followers:
            follower(training)
        for change in changes:
            self._observers.emit("setting_changed", change=change)
            log.info("%s is %s from now on, changed by %s.", change.name, json.dumps(change.after), change.origin)
        try:
            self.announce_changes()
        except TransportError:
            log.warning("Clients hear of this change once the server is back.")
        return changes

    def _refuse_fixed(self, path: tuple[str, ...]) -> None:
        algorithm = None if self._plugin is None else self._plugin.config
        if path[:1] == _TRAINING and len(path) > 1 and is_live(TrainingSettings, path[1:]):
            return
        if path[:2] == _ALGORITHM and len(path) > 2 and algorithm is not None and is_live(algorithm, path[2:]):
            return
        names = self._names()
        raise ConfigError(
            f"{dotted(path)} cannot be changed while the run goes on.{_nearest(dotted(path), names)} These can: "
            f"{', '.join(names)}. For others stop it, and go on with `soulsai train --resume --set`."
        )

    def _names(self) -> list[str]:
        """Of all settings that can be changed."""
        algorithm = [] if self._plugin is None else live_names(self._plugin.config, "algorithm.config")
        return [*live_names(TrainingSettings, "training"), *algorithm]

    def _live_settings(self) -> dict[str, Any]:
        training = {"training": json.loads(self.training.model_dump_json())}
        values = {**self.config, **training}
        return {name: _at(values, name.split(".")) for name in self._names()}

    def _checked_algorithm(self, values: Mapping[str, Any]) -> BaseModel:
        assert self._plugin is not None  # else the change was refused
        return check_part(self._plugin, values["algorithm"]["config"], _ALGORITHM, "soulsai set")

    def _changed(self, path: tuple[str, ...], values: Mapping[str, Any], origin: str, undoes: bool) -> SettingChange:
        before, after = (_at(source, path) for source in (self.config, values))
        state = self._state
        return SettingChange(
            self._wall(), dotted(path), before, after, origin, state.iteration, state.env_steps, undoes
        )

    def _keep(self, values: Mapping[str, Any], changes: Sequence[SettingChange]) -> None:
        """Write the changes to the folder before they count, so that a resume knows all that counted."""
        try:
            run_folder.write_config(self._folder.config, dict(values))
            try:
                self._file.append(changes)
            except OSError:
                run_folder.write_config(self._folder.config, self.config)
                raise
        except OSError as error:
            raise CheckpointError(f"The change cannot be written to {self._folder.path}: {error}.") from error
        self._made += changes
        self._state.changes = tuple(self._made[-_SHOWN:])


def _checked_training(values: Mapping[str, Any], layers: Sequence[Layer]) -> TrainingSettings:
    try:
        return TrainingSettings.model_validate(values["training"])
    except ValidationError as error:
        raise_if_any(sentences_of(error, TrainingSettings, values["training"], Sources(list(layers)), _TRAINING))
        raise


def _nearest(name: str, names: Sequence[str]) -> str:
    """A question with the name that was perhaps meant, found by its last part; "" without one."""
    last = {known.rpartition(".")[2]: known for known in reversed(names)}
    near = get_close_matches(name.rpartition(".")[2], last, n=1, cutoff=0.75)
    return f" Did you mean {last[near[0]]}?" if near else ""


def _path(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The path of the only setting of an override, whose value may be a mapping itself."""
    path: list[str] = []
    inner: Any = values
    while isinstance(inner, Mapping) and len(inner) == 1:
        [(key, inner)] = inner.items()
        path.append(str(key))
    return tuple(path)


def _nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for key in reversed(path):
        value = {key: value}
    return value


def _at(values: Any, path: Sequence[str]) -> Any:
    """The value at a path, None where nothing is."""
    for key in path:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def _replaced(values: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The values with another one at this path."""
    key, *below = path
    if not below:
        return {**values, key: value}
    inner = values.get(key)
    return {**values, key: _replaced(inner if isinstance(inner, Mapping) else {}, tuple(below), value)}
