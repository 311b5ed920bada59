"""Makes a training node from a resolved configuration."""

from __future__ import annotations

import random
import time
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from soulsai_core.assembly.run_log import RunLog
from soulsai_core.assembly.saved_settings import changed_settings
from soulsai_core.assembly.starting_point import StartingPoint, begin
from soulsai_core.config import Config, Resolved
from soulsai_core.config.differences import described
from soulsai_core.config.models import RunSettings
from soulsai_core.contracts import API_VERSION, ConnectorContext, Transport
from soulsai_core.errors import CheckpointError
from soulsai_core.hooks.observers import Observers
from soulsai_core.messages import Announcement, ArraySpec, EnvSpec
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.node.training import TrainingNode
from soulsai_core.plugins.checks import LongCalls
from soulsai_core.run_folder import RunFolder
from soulsai_core.steps import step_columns
from soulsai_core.threads import BackgroundWorker


def create_folder(resolved: Resolved) -> RunFolder:
    """A new folder for this run under the configured `saves`."""
    spec = resolved.environment.spec(resolved.environment_config)
    label = f"{spec.name}_{resolved.algorithm.name}"
    return RunFolder.create(Path(resolved.config.run.saves), label, datetime.now().astimezone())


def node_parts(resolved: Resolved, transport: Transport, folder: RunFolder) -> dict[str, Any]:
    """The arguments of a TrainingNode that saves to `folder`."""
    config = resolved.config
    public = resolved.public()
    spec = resolved.environment.spec(resolved.environment_config)
    rng = np.random.default_rng(config.run.seed)
    calls = resolved.calls or LongCalls()
    observers = _observers(resolved, folder, public)
    metrics = NodeMetrics()
    return {
        "learner": resolved.algorithm.learner(resolved.algorithm_config, spec, rng),
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
            evaluates=config.training.evaluation.every_s is not None,
        ),
        "config": public,
        "settings": config.training,
        "observers": observers,
        "metrics": metrics,
        "clock": time.monotonic,
        "plugin": resolved.algorithm,
        # Not from the seed: it is for the jitter of waits, which must differ between processes.
        "rng": random.Random(),
        "overdue": calls.look,
        "join": _join_command(config),
        "threads": _contributor_threads(resolved, transport, folder, observers, metrics),
    }


def _join_command(config: Config) -> str:
    """The command that starts a client of this run: on this machine without an address, which its folder has."""
    address = "" if config.redis.address is None else f" --redis-address {config.redis.address}"
    run = "" if config.run.name == RunSettings().name else f" --run {config.run.name}"
    return f"soulsai client{address}{run}"


def _contributor_threads(
    resolved: Resolved, transport: Transport, folder: RunFolder, observers: Observers, metrics: NodeMetrics
) -> list[BackgroundWorker]:
    """The gate for contributors if the server can have them, which needs a real Redis. Their statistics observe what
    the node admits."""
    from soulsai_core.contributors.gate import Gate
    from soulsai_core.contributors.redis_inbox import inboxes_of
    from soulsai_core.contributors.statistics import ContributorStatistics
    from soulsai_core.transport.redis import RedisTransport

    if not isinstance(transport, RedisTransport):
        return []
    statistics = ContributorStatistics(folder.contributors, time.time)
    observers.register("contributors", statistics, at_once=True)
    inboxes = inboxes_of(transport)
    client = resolved.config.client
    return [
        Gate(
            inboxes,
            folder.name,
            resolved.config.training,
            statistics,
            metrics.count_rejected,
            time.monotonic,
            random.Random(),
            client.max_environments if client.backpressure == "wait" else None,
        )
    ]


def _columns(resolved: Resolved, spec: EnvSpec) -> dict[str, ArraySpec]:
    """The columns of the steps that clients send."""
    own = resolved.algorithm.columns(resolved.algorithm_config, spec)
    return step_columns(spec, own, resolved.config.training.max_abs_value)


def make_node(
    resolved: Resolved, transport: Transport, folder: RunFolder, *, resume: bool, start: StartingPoint | None = None
) -> TrainingNode:
    """A training node that saves to `folder`. To resume, it goes on with what is there. With `start` it begins with
    what another run has."""
    parts = node_parts(resolved, transport, folder)
    node = TrainingNode(**parts)
    if start is not None:
        begin(node.beginning, parts["learner"], resolved, start)
        node.save_config(folder.config)
    if resume:
        try:
            node.resume()
        except CheckpointError as error:
            raise CheckpointError(f"{error}{_changed_settings(resolved, folder)}") from error
    return node


def _changed_settings(resolved: Resolved, folder: RunFolder) -> str:
    """A sentence with the settings that the checkpoint was not made with, since one of them is why it does not fit."""
    if not folder.config.is_file():
        return ""
    found = changed_settings(resolved, folder)
    return f" These settings are not those it was made with: {described(found)}." if found else ""


def _observers(resolved: Resolved, folder: RunFolder, public: dict[str, Any]) -> Observers:
    """The connectors that live in the training node."""
    observers = Observers()
    observers.register("log", RunLog())
    for plugin, settings in resolved.connectors:
        if plugin.home != "training":
            continue
        context = ConnectorContext(folder.name, folder.path, public)
        observers.register(plugin.name, plugin.make(settings, context))
    return observers
