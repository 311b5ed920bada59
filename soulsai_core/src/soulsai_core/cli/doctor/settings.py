"""Checks of the settings: whether a run could start with them."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from soulsai_core.cli.doctor.chosen import Chosen
from soulsai_core.config import Resolved
from soulsai_core.messages import Weights
from soulsai_core.node.formatting import number as shown
from soulsai_core.plugins.findings import OK, PROBLEM, WARNING, Finding
from soulsai_core.testing.arrays import draw, draw_actions
from soulsai_core.testing.trials.environment import described

EPISODE_STEPS = 2_000
EPISODE_S = 10.0
"""Steps and seconds after which an episode of random actions is left."""

_PAGE_PORT = 8081


def check_settings(chosen: Chosen) -> Iterator[Finding]:
    """Files, variables and options are right, and their plugins are installed."""
    config = chosen.resolved.config
    connectors = ", ".join(part.name for part in config.connectors) or "no connectors"
    origins = ", ".join(chosen.config.sources.origins()) or "the defaults alone"
    yield Finding(
        "settings", OK, f"{config.algorithm.name} on {config.environment.name}, {connectors}; from {origins}."
    )
    unserved = [plugin.name for plugin, _ in chosen.resolved.connectors if plugin.home == "telemetry"]
    if unserved and chosen.resolved.telemetry_config is None:
        yield Finding(
            "settings", WARNING, f"Without the telemetry node these connectors receive nothing: {', '.join(unserved)}."
        )
    telemetry = chosen.resolved.telemetry_config
    if telemetry is not None and (check := chosen.catalog.telemetry().check) is not None:
        check(telemetry)


def check_plugins(chosen: Chosen) -> Iterator[Finding]:
    """All that is installed can be used."""
    rows = chosen.catalog.listing()
    for row in rows:
        if row.error is not None:
            yield Finding("plugins", WARNING, row.error)
    usable = [row.choice for row in rows if row.error is None]
    yield Finding("plugins", OK, f"{len(usable)} of {len(rows)} can be used; `soulsai plugins` lists them.")


def check_environment(chosen: Chosen) -> Iterator[Finding]:
    """The environment exists and its wrappers wrap: the node makes it, too, to read its spaces."""
    if chosen.is_right():
        yield Finding("environment", OK, f"{chosen.spec.name}: {described(chosen.spec)}.")


def check_algorithm(chosen: Chosen) -> Iterator[Finding]:
    """The algorithm takes the spaces: learner and actor are made, with their network, and one action is chosen."""
    if not chosen.is_playable():
        return
    resolved = chosen.resolved
    spec = chosen.spec
    plugin = resolved.algorithm
    config = resolved.algorithm_config
    sync = plugin.sync(config)
    own = plugin.columns(config, spec)
    rng = np.random.default_rng(0)
    weights = plugin.learner(config, spec, rng).weights()
    actor = plugin.actor(config, spec, rng, True)
    actor.load(Weights(0, weights))
    observations = {name: draw(part, 1, rng) for name, part in spec.observations.items()}
    actor.act(observations, None, np.ones(1, np.bool_))
    numbers = sum(array.size for array in weights.values())
    columns = f"; its actor adds the columns {', '.join(own)}" if own else ""
    yield Finding(
        "algorithm", OK, f"{plugin.name} can learn in these spaces; its model has {numbers:,} parameters{columns}."
    )
    if sync.required_clients > 1:
        yield Finding("algorithm", OK, f"It waits for {sync.required_clients} clients.")


def check_ports(chosen: Chosen) -> Iterator[Finding]:
    """The ports at which page and metrics are to be served are free."""
    if not chosen.is_right():
        return
    wanted = _ports(chosen.resolved)
    for number, paths in _shared(wanted).items():
        yield Finding("ports", PROBLEM, f"{' and '.join(paths)} are all {number}: choose different ports.")
    for path, host, port in wanted:
        reason = _taken(host, port)
        if reason:
            yield Finding(
                "ports",
                PROBLEM,
                f"{path} is {port}, and that port cannot be opened at {host} ({reason}): stop what "
                "uses it, or choose another one.",
            )
    free = [f"{port} ({path})" for path, host, port in wanted if not _taken(host, port)]
    if free:
        yield Finding("ports", OK, f"Free: {', '.join(free)}.")
    if chosen.resolved.telemetry_config is not None and _taken("127.0.0.1", _PAGE_PORT):
        yield Finding("ports", OK, f"{_PAGE_PORT} is in use, so the page takes the next free one.")
    elif not wanted:
        yield Finding("ports", OK, "No setting needs a fixed port.")


def _ports(resolved: Resolved) -> list[tuple[str, str, int]]:
    """Path, address and number of each port that the settings ask for."""
    config = resolved.config
    parts: list[tuple[str, Any]] = [(f"connectors.{n}.config", part.config) for n, part in enumerate(config.connectors)]
    if resolved.telemetry_config is not None:
        parts.append(("telemetry.config", config.telemetry.config))
    found = [port for path, values in parts for port in _ports_in(values, path)]
    if config.training.prometheus_port is not None:
        found.append(("training.prometheus_port", config.training.prometheus_host, config.training.prometheus_port))
    return found


def _shared(ports: list[tuple[str, str, int]]) -> dict[int, list[str]]:
    """Ports that several settings ask for, with the paths of these."""
    paths: dict[int, list[str]] = {}
    for path, _, port in ports:
        paths.setdefault(port, []).append(path)
    return {port: names for port, names in paths.items() if len(names) > 1}


def _ports_in(values: Any, path: str) -> Iterator[tuple[str, str, int]]:
    if not isinstance(values, Mapping):
        return
    port = values.get("port")
    if isinstance(port, int) and not isinstance(port, bool) and port > 0:
        yield f"{path}.port", str(values.get("host") or "127.0.0.1"), port
    for name, inner in values.items():
        yield from _ports_in(inner, f"{path}.{name}")


def _taken(host: str, port: int) -> str:
    """Why nothing can listen there; "" if something can."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As servers do: a port in TIME_WAIT is free for them.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        return "it is taken" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
    return ""


def check_episode(chosen: Chosen) -> Iterator[Finding]:
    """One episode of random actions in the configured environment."""
    if not chosen.is_playable():
        return
    resolved = chosen.resolved
    rng = np.random.default_rng(0)
    environment = resolved.environment.make(resolved.environment_config, 0)
    try:
        began = time.perf_counter()
        step = environment.reset()
        reset = time.perf_counter() - began
        steps = 0
        total = 0.0
        ended = False
        began = time.perf_counter()
        while not ended and steps < EPISODE_STEPS and time.perf_counter() - began < EPISODE_S:
            step = environment.step(draw_actions(chosen.spec.action, step.masks, environment.num_envs, rng))
            steps += 1
            total += float(step.rewards[0])
            ended = bool(step.terminated[0] or step.truncated[0])
        seconds = (time.perf_counter() - began) / max(steps, 1)
    finally:
        environment.close()
    words = f"a step takes {seconds * 1e3:.3g} ms, a reset {reset * 1e3:.3g} ms"
    if ended:
        yield Finding("episode", OK, f"An episode of {steps} random actions, return {shown(total)}; {words}.")
    else:
        yield Finding(
            "episode",
            WARNING,
            f"No episode ended in {steps} random steps; {words}. If episodes should be shorter, "
            "set environment.config.max_episode_steps.",
        )
