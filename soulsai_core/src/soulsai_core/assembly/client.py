"""Makes a client from the announcement of the training node."""

from __future__ import annotations

import itertools
import logging
import platform
import random
import re
import time
import uuid
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import msgspec
import numpy as np
from pydantic import BaseModel, ValidationError

from soulsai_core.client.client import Client
from soulsai_core.client.evaluation import EvaluatingActor, EvaluationTurns
from soulsai_core.config import check_part
from soulsai_core.config.models import ClientSettings
from soulsai_core.contracts import API_VERSION, Actor, Environment, EnvironmentPlugin, Transport
from soulsai_core.errors import ConfigError, PluginError, TransportError
from soulsai_core.messages import UNREADABLE, Announcement, EnvSpec
from soulsai_core.plugins.catalog import Catalog
from soulsai_core.plugins.checks import RunningCall

log = logging.getLogger(__name__)

# Further apart than the seeds that one vector of environments takes for its members.
_SEED_STRIDE = 10_007


def wait_for_announcement(
    transport: Transport, goes_on: Callable[[], bool], pause: float = 0.05
) -> Announcement | None:
    """The announcement of the training node, awaited while `goes_on()`; None if that ends first. A server that is lost
    meanwhile is awaited too.

    Args:
        pause: seconds before the second look at the server; later pauses grow to a second.
    """
    logged: set[str] = set()
    while goes_on():
        try:
            payload = transport.read_config()
            missing = "Waiting for the training node."
        except TransportError as error:
            payload = None
            missing = f"{error} Waiting for it."
        if payload is not None:
            return _read_announcement(payload)
        if missing not in logged:
            log.info("%s", missing)
            logged.add(missing)
        time.sleep(pause)
        pause = min(pause * 1.2, 1.0)
    return None


def _read_announcement(payload: bytes) -> Announcement:
    # The version first: an announcement of another version may have other fields, which would fail less clearly.
    try:
        given = msgspec.json.decode(payload, type=dict[str, Any])
        api = given.get("api")
        if api != API_VERSION:
            raise PluginError(
                f"The training node has api version {api}, and here is {API_VERSION}: install the training node's "
                "version of soulsai-core."
            )
        if isinstance(there := given.get("version"), str):
            _refuse_other_minor_version(there)
        return msgspec.json.decode(payload, type=Announcement)
    except UNREADABLE as error:
        raise PluginError(f"The announcement of the training node cannot be read: {error}.") from error


def _refuse_other_minor_version(there: str) -> None:
    """Only versions that differ in the last number are promised to understand each other's messages."""
    here = version("soulsai-core")
    if there == here:
        return
    minor = ".".join(there.split(".")[:2])
    if minor != ".".join(here.split(".")[:2]):
        raise PluginError(
            f"The training node has soulsai-core {there:.40}, and here is {here}; only versions that differ in the "
            f"last number work together: install soulsai-core {minor:.40} here."
        )
    log.info("The training node has soulsai-core %s, and here is %s, which work together.", there, here)


def make_client(
    announcement: Announcement,
    transport: Transport,
    *,
    catalog: Catalog | None = None,
    seed: int | None = None,
    left: Callable[[], object] | None = None,
    start_game: Callable[[], bool] = lambda: False,
) -> Client:
    """A client for the announced training. Its plugins must be installed here too.

    Args:
        catalog: finds the plugins; None looks among the installed ones.
        seed: seed of the environment and of exploration.
        left: called once the client has run.
        start_game: called when the environment keeps failing; see `Client`.
    """
    catalog = catalog or Catalog()
    owners = _owners(announcement, catalog)
    algorithm = catalog.algorithm(announcement.algorithm["name"])
    environment = catalog.environment(announcement.environment["name"])
    origin = "the training node"

    def check_settings(values: Mapping[str, Any]) -> BaseModel:
        return check_part(algorithm, values, ("algorithm", "config"), origin)

    algorithm_config = check_settings(announcement.algorithm["config"])
    environment_config = check_part(environment, announcement.environment["config"], ("environment", "config"), origin)
    spec = _same_spec(environment.spec(environment_config), announcement, owners["environment"])
    host = platform.node() or "client"
    settings = _client_settings(announcement)
    running = catalog.calls.running(owners["environment"])
    name = announcement.environment["name"]
    make_environment = _environment_maker(environment, name, environment_config, seed, settings, running)

    def make_actor(explore: bool) -> Actor:
        return algorithm.actor(algorithm_config, spec, np.random.default_rng(seed), explore)

    actor = make_actor(True)
    if announcement.evaluates:
        actor = EvaluatingActor(actor, make_actor(False), EvaluationTurns())

    return Client(
        check_settings=check_settings,
        transport=transport,
        run_id=announcement.run_id,
        client=_client_id(transport.client_prefix, host),
        host=host,
        spec=spec,
        columns=announcement.columns,
        actor=actor,
        make_environment=make_environment,
        settings=settings,
        clock=time.perf_counter,  # steps are timed with it: on Windows, the monotonic clock has steps of 16 ms
        rng=random.Random(seed),
        on_finished=left,
        overdue=catalog.calls.look,
        owners=owners,
        start_game=start_game,
    )


def _owners(announcement: Announcement, catalog: Catalog) -> dict[str, str]:
    """Names of the algorithm and the environment with their distributions, for sentences."""
    parts = {"algorithm": announcement.algorithm, "environment": announcement.environment}
    return {kind: catalog.owner(kind, part["name"]) for kind, part in parts.items()}


def _same_spec(spec: EnvSpec, announcement: Announcement, owner: str) -> EnvSpec:
    """The spec of the environment here. Raises PluginError unless it is the announced one."""
    if spec != announcement.spec:
        raise PluginError(
            f"{owner} here differs from the training node's: it is {spec} here and {announcement.spec} there. "
            "Install the same versions of the environment's packages."
        )
    return spec


def _client_id(prefix: str, host: str) -> str:
    """An id that no other client has. That of a contributor's client begins with a prefix that the node checks."""
    unique = uuid.uuid4().hex[:6]
    # The node rejects long ids, and those that could change what a terminal or a page shows.
    machine = re.sub(r"[^\w.-]", "-", host[:64])
    return f"{prefix}{machine}-{unique}"


def _client_settings(announcement: Announcement) -> ClientSettings:
    try:
        return ClientSettings(**announcement.client)
    except ValidationError as error:
        here = version("soulsai-core")
        raise ConfigError(
            f"The training node has client settings that soulsai-core {here} here does not know: install version "
            f"{announcement.version} as on the node."
        ) from error


def _environment_maker(
    plugin: EnvironmentPlugin,
    name: str,
    config: BaseModel,
    seed: int | None,
    settings: ClientSettings,
    running: RunningCall,
) -> Callable[[], Environment]:
    """A function that makes the environment, in this process or in one of its own.

    Args:
        name: of the plugin as it was chosen.
        running: notes the calls of an environment in a process of its own.

    Each start takes another seed, so that a restarted environment does not repeat its episodes.
    """
    seeds = itertools.count(seed, _SEED_STRIDE) if seed is not None else itertools.repeat(None)
    if not settings.isolate:
        return lambda: plugin.make(config, next(seeds))
    from soulsai_core.environments.isolation import IsolatedEnvironment, installed

    return lambda: IsolatedEnvironment(
        installed(plugin, config, next(seeds), name),
        step_timeout=settings.step_timeout_s,
        start_timeout=settings.start_timeout_s,
        reset_timeout=settings.reset_timeout_s,
        running=running,
    )
