"""Puts real objects together: from a resolved configuration to a training node, from an announcement to a client."""

from __future__ import annotations

import itertools
import logging
import platform
import random
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from pydantic import BaseModel, ValidationError

from soulsai_core.agents import Agent
from soulsai_core.client.client import Client
from soulsai_core.config import Resolved, check_part, load_config, read_secret, resolve
from soulsai_core.config.models import ClientSettings, RedisSettings
from soulsai_core.contracts import API_VERSION, ConnectorContext, Environment, EnvironmentPlugin, Transport
from soulsai_core.errors import ConfigError, PluginError, TransportError
from soulsai_core.messages import Announcement, ArraySpec, EnvSpec
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.node.saving import evaluation_weights
from soulsai_core.node.training import TrainingNode
from soulsai_core.observers import Observers
from soulsai_core.plugins.catalog import Catalog
from soulsai_core.plugins.wall import LongCalls
from soulsai_core.run_folder import CONFIG, RunFolder
from soulsai_core.steps import step_columns
from soulsai_core.transport import StreamLimits
from soulsai_core.transport.address import parse_address
from soulsai_core.transport.exposure import refuse_exposed
from soulsai_core.transport.keys import AT

if TYPE_CHECKING:
    from soulsai_core.contributors.invitation import Invitation
    from soulsai_core.transport.redis import RedisTransport

log = logging.getLogger(__name__)

_SEED_STRIDE = 10_007  # further apart than the environments of one vector


def open_transport(settings: RedisSettings, run: str) -> RedisTransport:
    """A transport to the configured server; the password comes from its own place. It is checked that it answers."""
    if settings.address is None:
        raise ConfigError("redis.address is null, and only `soulsai train` starts a server of its own: name one.")
    limits = StreamLimits(settings.max_backlog_entries, int(settings.max_backlog_mb * 2**20))
    return connect_to(settings.address, run, read_secret(settings.secret_file), limits, settings.ca_file)


def connect_to(
    address: str, run: str, password: str | None, limits: StreamLimits | None = None, ca_file: str | None = None
) -> RedisTransport:
    """A transport to the server at `address`, checked that it answers.

    Raises ConfigError for a public address without TLS or without a password.
    """
    from soulsai_core.transport.redis import connect
    from soulsai_core.transport.redis_link import Tls

    place = parse_address(address)
    refuse_exposed(place, password or place.password)
    if ca_file is not None and not Path(ca_file).is_file():
        raise ConfigError(f"redis.ca_file: there is no file {ca_file}.")
    transport = connect(address, run, password=password, limits=limits, tls=Tls(authority=ca_file))
    transport.check()
    return transport


def accept(invitation: Invitation) -> Transport:
    """A transport with the rights of whoever was invited, checked that the server answers."""
    from soulsai_core.contributors.transport import connect_contributor
    from soulsai_core.transport.redis_link import Tls

    refuse_exposed(parse_address(invitation.address), invitation.password)
    tls = Tls(authority_text=invitation.authority)
    transport = connect_contributor(invitation.address, invitation.run, invitation.name, invitation.password, tls)
    transport.check()
    return transport


def create_folder(resolved: Resolved) -> RunFolder:
    """A new folder for this training under the configured `saves`."""
    spec = resolved.environment.spec(resolved.environment_config)
    label = f"{spec.name}_{resolved.algorithm.name}"
    return RunFolder.create(Path(resolved.config.run.saves), label, datetime.now().astimezone())


def node_parts(resolved: Resolved, transport: Transport, folder: RunFolder) -> dict[str, Any]:
    """The arguments of a TrainingNode that is kept in `folder`."""
    config = resolved.config
    public = resolved.public()
    spec = resolved.environment.spec(resolved.environment_config)
    rng = np.random.default_rng(config.run.seed)
    calls = LongCalls(repeats=False)  # that updates take long is usual on slow machines
    return {
        "learner": calls.watch(resolved.algorithm.learner(resolved.algorithm_config, spec, rng)),
        "sync": resolved.algorithm.sync(resolved.algorithm_config),
        "transport": transport,
        "folder": folder,
        "announcement": Announcement(
            api=API_VERSION,
            version=version("soulsai-core"),
            run_id=folder.name,
            environment=public["environment"],
            algorithm=public["algorithm"],
            client=public["client"],
            spec=spec,
            columns=_columns(resolved, spec),
        ),
        "config": public,
        "settings": config.training,
        "observers": _observers(resolved, folder, public),
        "metrics": NodeMetrics(),
        "clock": time.monotonic,
        "rng": random.Random(),
        "overdue": calls.look,
    }


def _columns(resolved: Resolved, spec: EnvSpec) -> dict[str, ArraySpec]:
    """The columns of the steps that clients send."""
    own = resolved.algorithm.columns(resolved.algorithm_config, spec)
    return step_columns(spec, own, resolved.config.training.max_abs_value)


def make_node(resolved: Resolved, transport: Transport, folder: RunFolder, *, resume: bool) -> TrainingNode:
    """A training node kept in `folder`, with the checkpoint there loaded if it resumes."""
    node = TrainingNode(**node_parts(resolved, transport, folder))
    if resume:
        node.load_checkpoint(folder.checkpoint)
    return node


def load_agent(
    folder: Path | str, overrides: Sequence[str] = (), *, seed: int | None = None, catalog: Catalog | None = None
) -> Agent:
    """A trained model that plays its best. Neither its learner nor, where the actor needs none, torch is loaded.

    Args:
        folder: a training's, for its newest model; or that of one of its checkpoints, such as its best_model.
        overrides: of the training's settings, as in --set, for example `environment.config.num_envs=4`.
        seed: of what the actor leaves to chance.
    """
    run, model = RunFolder.holding(Path(folder))
    catalog = catalog or Catalog()
    config = load_config(run.path / CONFIG, ["telemetry.enabled=false", *overrides], {}, catalog)
    resolved = resolve(config, catalog)
    spec = resolved.environment.spec(resolved.environment_config)
    rng = np.random.default_rng(seed)
    weights = evaluation_weights(model)
    actor = resolved.algorithm.actor(resolved.algorithm_config, spec, rng, False)
    actor.load(weights)
    return Agent(actor, spec, resolved.environment, resolved.environment_config, weights.iteration)


def _observers(resolved: Resolved, folder: RunFolder, public: dict[str, Any]) -> Observers:
    observers = Observers()
    for plugin, settings in resolved.connectors:
        if plugin.home != "training":
            continue
        context = ConnectorContext(folder.name, folder.path, public)
        observers.register(plugin.name, plugin.make(settings, context))
    return observers


def wait_for_announcement(
    transport: Transport, goes_on: Callable[[], bool], pause: float = 0.05
) -> Announcement | None:
    """What the training node announced, waiting for it as long as `goes_on()`, and for the server too if it is lost
    meanwhile; None if that ended first."""
    told: set[str] = set()
    while goes_on():
        try:
            payload = transport.read_config()
            missing = "Waiting for the training node."
        except TransportError as error:
            payload = None
            missing = f"{error} Waiting for it."
        if payload is not None:
            return _read_announcement(payload)
        if missing not in told:
            log.info("%s", missing)
            told.add(missing)
        time.sleep(pause)
        pause = min(pause * 1.2, 1.0)
    return None


def _read_announcement(payload: bytes) -> Announcement:
    try:
        api = msgspec.json.decode(payload, type=dict[str, Any]).get("api")
        if api != API_VERSION:
            raise PluginError(
                f"The training node speaks api version {api}, this client {API_VERSION}: install the soulsai-core that "
                "the training node has."
            )
        return msgspec.json.decode(payload, type=Announcement)
    except msgspec.DecodeError as error:
        raise PluginError(f"What the training node announced cannot be read: {error}.") from error


def make_client(
    announcement: Announcement,
    transport: Transport,
    *,
    catalog: Catalog | None = None,
    seed: int | None = None,
    left: Callable[[], object] | None = None,
) -> Client:
    """A client for the announced training; the plugins must be installed here too. `left` is called when it has run."""
    catalog = catalog or Catalog()
    algorithm = catalog.algorithm(announcement.algorithm["name"])
    environment = catalog.environment(announcement.environment["name"])
    origin = "the training node"
    algorithm_config = check_part(algorithm, announcement.algorithm["config"], ("algorithm", "config"), origin)
    environment_config = check_part(environment, announcement.environment["config"], ("environment", "config"), origin)
    spec = environment.spec(environment_config)
    if spec != announcement.spec:
        raise PluginError(
            f"The environment here is not the training node's: it is {spec} here and {announcement.spec} there. "
            "Install the same versions of the environment's packages."
        )
    host = platform.node() or "client"
    settings = _client_settings(announcement)
    calls = LongCalls()
    make_environment = _environment_maker(environment, environment_config, seed, settings)
    return Client(
        transport=transport,
        run_id=announcement.run_id,
        client=_client_id(transport.contributor, host),
        host=host,
        spec=spec,
        columns=announcement.columns,
        actor=calls.watch(algorithm.actor(algorithm_config, spec, np.random.default_rng(seed), True)),
        make_environment=lambda: calls.watch(make_environment()),
        settings=settings,
        clock=time.perf_counter,  # steps are timed by it, and the monotonic clock of Windows has a grain of 16 ms
        rng=random.Random(seed),
        left=left,
        overdue=calls.look,
    )


def _client_id(contributor: str, host: str) -> str:
    """Whoever was invited answers for its clients with its name."""
    if not contributor:
        return f"{host}-{uuid.uuid4().hex[:6]}"
    machine = "".join(c if c.isprintable() and c != AT else "-" for c in host[:64])
    return f"{contributor}{AT}{machine}-{uuid.uuid4().hex[:6]}"


def _client_settings(announcement: Announcement) -> ClientSettings:
    try:
        return ClientSettings(**announcement.client)
    except ValidationError as error:
        here = version("soulsai-core")
        raise ConfigError(
            f"The training node has client settings that soulsai-core {here} here does not know: install "
            f"{announcement.version}, as the node has."
        ) from error


def _environment_maker(
    plugin: EnvironmentPlugin, config: BaseModel, seed: int | None, settings: ClientSettings
) -> Callable[[], Environment]:
    """In this process, or in one of its own. Each start has a seed of its own, so that no start repeats another's
    episodes."""
    seeds = itertools.count(seed, _SEED_STRIDE) if seed is not None else itertools.repeat(None)
    if not settings.isolate:
        return lambda: plugin.make(config, next(seeds))
    from soulsai_core.environments.isolation import IsolatedEnvironment, installed

    return lambda: IsolatedEnvironment(
        installed(plugin, config, next(seeds)),
        step_timeout=settings.step_timeout_s,
        start_timeout=settings.start_timeout_s,
    )
