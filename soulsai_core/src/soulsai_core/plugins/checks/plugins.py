"""Wraps the functions of plugins, so that they and the objects that they make check what they return."""

from __future__ import annotations

import math
from collections.abc import Mapping
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
    NetworkPlugin,
    Sync,
    WrapperPlugin,
)
from soulsai_core.messages import ArraySpec, Continuous, Discrete, EnvSpec, MultiDiscrete
from soulsai_core.plugins.checks.actor import CheckedActor
from soulsai_core.plugins.checks.checker import Checker, described
from soulsai_core.plugins.checks.connector import CheckedConnector, expect_hooks
from soulsai_core.plugins.checks.environment import CheckedEnvironment
from soulsai_core.plugins.checks.learner import CheckedLearner
from soulsai_core.plugins.checks.long_calls import LongCalls
from soulsai_core.plugins.checks.network import checked_network
from soulsai_core.plugins.checks.wrapper import checked_wrapper
from soulsai_core.steps import Source, step_columns


def checked(plugin: Any, distribution: str, calls: LongCalls | None = None) -> Any:
    """The same plugin with functions that check what they return and that make checked learners, actors and
    environments. Plugins of kinds without such functions are returned unchanged.

    Args:
        distribution: name and version of the distribution that the plugin is from.
        calls: finds out which call takes long.
    """
    calls = calls or LongCalls()

    def checker_of(kind: str) -> Checker:
        return Checker.of(kind, plugin.name, distribution, calls)

    match plugin:
        case AlgorithmPlugin():
            return _algorithm(plugin, checker_of("algorithm"))
        case EnvironmentPlugin():
            return _environment(plugin, checker_of("environment"))
        case ConnectorPlugin():
            return _connector(plugin, checker_of("connector"))
        case NetworkPlugin():
            return checked_network(plugin, checker_of("network"))
        case WrapperPlugin():
            return checked_wrapper(plugin, checker_of("wrapper"))
    return plugin


def _algorithm(plugin: AlgorithmPlugin, checker: Checker) -> AlgorithmPlugin:
    def columns(config: Any, spec: EnvSpec) -> Mapping[str, ArraySpec]:
        return _columns(checker, spec, checker.call("columns", plugin.columns, config, spec))

    def learner(config: Any, spec: EnvSpec, rng: np.random.Generator) -> Learner:
        made = checker.call("learner", plugin.learner, config, spec, rng)
        checker.expect("learner", made, isinstance(made, Learner), "a Learner")
        return CheckedLearner(made, checker.for_one_object(), sync(config))

    def actor(config: Any, spec: EnvSpec, rng: np.random.Generator, explore: bool) -> Actor:
        made = checker.call("actor", plugin.actor, config, spec, rng, explore)
        checker.expect("actor", made, isinstance(made, Actor), "an Actor")
        return CheckedActor(made, checker.for_one_object(), spec, columns(config, spec))

    def sync(config: Any) -> Sync:
        return _sync(checker, checker.call("sync", plugin.sync, config))

    return replace(plugin, sync=sync, columns=columns, learner=learner, actor=actor)


def _environment(plugin: EnvironmentPlugin, checker: Checker) -> EnvironmentPlugin:
    # The last config and its spec: some environments must be made to find out their spec.
    newest: list[tuple[Any, EnvSpec]] = []

    def spec(config: Any) -> EnvSpec:
        made = checker.call("spec", plugin.spec, config)
        checker.expect("spec", made, isinstance(made, EnvSpec), "an EnvSpec")
        problem = _unlike(made, EnvSpec) or _impossible(made) or _not_columns(made, {})
        if problem:
            raise checker.broken("spec", f"an EnvSpec that cannot be used ({problem})", "one of the documented types")
        if newest and newest[0][0] == config and newest[0][1] != made:
            raise checker.broken("spec", f"{made} after {newest[0][1]}", "the same each time")
        newest[:] = [(config, made)]
        return made

    def make(config: Any, seed: int | None) -> Environment:
        promised = newest[0][1] if newest and newest[0][0] == config else spec(config)
        made = checker.call("make", plugin.make, config, seed)
        checker.expect("make", made, isinstance(made, Environment), "an Environment")
        return CheckedEnvironment(made, checker.for_one_object(), promised)

    return replace(plugin, spec=spec, make=make)


def _connector(plugin: ConnectorPlugin, checker: Checker) -> ConnectorPlugin:
    def make(*args: Any) -> object:
        made = checker.call("make", plugin.make, *args)
        expect_hooks(made, checker)
        return CheckedConnector(made, checker.for_one_object())

    return replace(plugin, make=make)


def _sync(checker: Checker, sync: Any) -> Sync:
    checker.expect("sync", sync, isinstance(sync, Sync), "a Sync")
    for name, least in (("max_staleness", 1), ("rows_per_iteration", 1), ("required_clients", 0)):
        value = getattr(sync, name)
        # Not `isinstance`, which takes True for a number.
        if type(value) is not int or value < least:
            raise checker.broken("sync", f"{described(value)} for {name}", f"a whole number from {least}")
    if not sync.sources or not all(isinstance(source, Source) for source in sync.sources):
        raise checker.broken("sync", f"the sources {sync.sources!r}", "one Source or more")
    return sync


def _columns(checker: Checker, spec: EnvSpec, own: Any) -> Mapping[str, ArraySpec]:
    checker.expect("columns", own, isinstance(own, Mapping), "name -> ArraySpec")
    problem = _unlike(dict(own), dict[str, ArraySpec]) or _not_columns(spec, own)
    if problem:
        raise checker.broken("columns", f"what cannot be own columns ({problem})", "name -> ArraySpec of one row")
    return own


def _unlike(value: Any, kind: Any) -> str | None:
    """Why the value would not survive encoding and decoding in a message; None if it would."""
    try:
        msgspec.convert(msgspec.to_builtins(value), kind)
    except (msgspec.ValidationError, TypeError) as error:
        return str(error)
    return None


def _impossible(spec: EnvSpec) -> str | None:
    """Why no environment can be like this; None if one can."""
    if not spec.observations:
        return "there are no observations"
    match spec.action:
        case Discrete(n=n) if n < 1:
            return f"there are {n} actions"
        case MultiDiscrete(nvec=nvec) if not nvec or min(nvec) < 1:
            return f"the numbers of actions are {nvec}"
        case Continuous(shape=shape, low=low, high=high) if not len(low) == len(high) == math.prod(shape):
            return f"actions have the shape {shape}, {len(low)} lower and {len(high)} upper bounds"
    if spec.masked and not isinstance(spec.action, Discrete):
        return "masks are for Discrete actions"
    return None


def _not_columns(spec: EnvSpec, own: Mapping[str, ArraySpec]) -> str | None:
    """Why steps cannot be recorded in the columns of this spec and these own columns; None if they can."""
    try:
        for name, part in {**spec.observations, **own}.items():
            if np.dtype(part.dtype).kind not in "biuf":
                return f"{name} has dtype {part.dtype}, which is not one of numbers"
        step_columns(spec, own, math.inf)
    except (TypeError, ValueError) as error:
        return str(error)
    return None
