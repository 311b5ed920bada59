"""Plugins behind the wall."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from soulsai_core.contracts import (
    Actor,
    AlgorithmPlugin,
    ConnectorPlugin,
    Environment,
    EnvironmentPlugin,
    Learner,
    Sync,
)
from soulsai_core.hookspecs import PROJECT
from soulsai_core.messages import ArraySpec, EnvSpec
from soulsai_core.plugins.wall.actor import WalledActor
from soulsai_core.plugins.wall.environment import WalledEnvironment
from soulsai_core.plugins.wall.learner import WalledLearner
from soulsai_core.plugins.wall.running import RunningCall
from soulsai_core.plugins.wall.sentences import Wall, described
from soulsai_core.steps import Source, step_columns


def walled(plugin: Any, distribution: str, clock: Callable[[], float] = time.monotonic) -> Any:
    """The same plugin, whose functions check what they return, and which makes learners, actors and environments that
    do so. Plugins of kinds that have no such functions are given back as they are.

    Args:
        distribution: the name and version of where it came from.
        clock: monotonic seconds, for calls that take long.
    """

    def wall(kind: str) -> Wall:
        owner = f"The {kind} {plugin.name!r} of {distribution}"
        return Wall(owner, kind, RunningCall(owner, clock))

    match plugin:
        case AlgorithmPlugin():
            return _algorithm(plugin, wall("algorithm"))
        case EnvironmentPlugin():
            return _environment(plugin, wall("environment"))
        case ConnectorPlugin():
            return _connector(plugin, wall("connector"))
    return plugin


def _algorithm(plugin: AlgorithmPlugin, wall: Wall) -> AlgorithmPlugin:
    def columns(config: Any, spec: EnvSpec) -> Mapping[str, ArraySpec]:
        return _columns(wall, spec, wall.call("columns", plugin.columns, config, spec))

    def learner(config: Any, spec: EnvSpec, rng: np.random.Generator) -> Learner:
        made = wall.call("learner", plugin.learner, config, spec, rng)
        wall.expect("learner", made, isinstance(made, Learner), "a Learner")
        return WalledLearner(made, wall.of_one_object())

    def actor(config: Any, spec: EnvSpec, rng: np.random.Generator, explore: bool) -> Actor:
        made = wall.call("actor", plugin.actor, config, spec, rng, explore)
        wall.expect("actor", made, isinstance(made, Actor), "an Actor")
        return WalledActor(made, wall.of_one_object(), spec, columns(config, spec))

    def sync(config: Any) -> Sync:
        return _sync(wall, wall.call("sync", plugin.sync, config))

    return replace(plugin, sync=sync, columns=columns, learner=learner, actor=actor)


def _environment(plugin: EnvironmentPlugin, wall: Wall) -> EnvironmentPlugin:
    told: list[tuple[Any, EnvSpec]] = []  # the last config and its spec, which may take long to find out

    def spec(config: Any) -> EnvSpec:
        made = wall.call("spec", plugin.spec, config)
        wall.expect("spec", made, isinstance(made, EnvSpec), "an EnvSpec")
        problem = _unlike(made, EnvSpec) or _not_columns(made, {})
        if problem:
            raise wall.broken("spec", f"an EnvSpec that cannot be sent ({problem})", "one of the documented types")
        told[:] = [(config, made)]
        return made

    def make(config: Any, seed: int | None) -> Environment:
        promised = told[0][1] if told and told[0][0] == config else spec(config)
        made = wall.call("make", plugin.make, config, seed)
        wall.expect("make", made, isinstance(made, Environment), "an Environment")
        return WalledEnvironment(made, wall.of_one_object(), promised)

    return replace(plugin, spec=spec, make=make)


def _connector(plugin: ConnectorPlugin, wall: Wall) -> ConnectorPlugin:
    def make(*args: Any) -> object:
        made = wall.call("make", plugin.make, *args)
        methods = [] if isinstance(made, type) else [getattr(type(made), name, None) for name in dir(type(made))]
        hooked = any(hasattr(method, f"{PROJECT}_impl") for method in methods)
        wall.expect("make", made, hooked, "an object with a method that is marked @soulsai_core.hookimpl")
        return made

    return replace(plugin, make=make)


def _sync(wall: Wall, sync: Any) -> Sync:
    wall.expect("sync", sync, isinstance(sync, Sync), "a Sync")
    for name, least in (("max_staleness", 1), ("rows_per_iteration", 1), ("required_clients", 0)):
        value = getattr(sync, name)
        if type(value) is not int or value < least:
            raise wall.broken("sync", f"{described(value)} for {name}", f"a whole number from {least}")
    if not sync.sources or not all(isinstance(source, Source) for source in sync.sources):
        raise wall.broken("sync", f"the sources {sync.sources!r}", "one Source or more")
    return sync


def _columns(wall: Wall, spec: EnvSpec, own: Any) -> Mapping[str, ArraySpec]:
    wall.expect("columns", own, isinstance(own, Mapping), "name -> ArraySpec")
    problem = _unlike(dict(own), dict[str, ArraySpec]) or _not_columns(spec, own)
    if problem:
        raise wall.broken("columns", f"what cannot be own columns ({problem})", "name -> ArraySpec of one row")
    return own


def _unlike(value: Any, kind: Any) -> str | None:
    """Why the value would not come out of a message as it went in."""
    try:
        msgspec.convert(msgspec.to_builtins(value), kind)
    except (msgspec.ValidationError, TypeError) as error:
        return str(error)
    return None


def _not_columns(spec: EnvSpec, own: Mapping[str, ArraySpec]) -> str | None:
    """Why steps cannot be recorded in the columns that follow from these."""
    try:
        columns = step_columns(spec, own, math.inf)
        strange = [name for name, part in columns.items() if np.dtype(part.dtype).kind not in "biuf"]
    except (TypeError, ValueError) as error:
        return str(error)
    return f"{strange[0]} has dtype {columns[strange[0]].dtype}, which is not one of numbers" if strange else None
