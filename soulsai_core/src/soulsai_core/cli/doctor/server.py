"""Checks of the Redis server: version, rights, policy, memory, latency and clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from soulsai_core.cli.doctor.chosen import Chosen
from soulsai_core.config import Config
from soulsai_core.errors import AccessError, SoulsAIError
from soulsai_core.plugins.findings import OK, PROBLEM, WARNING, Finding

LEAST_REDIS = (6, 2)
_PINGS = 20
_SLOW_S = 0.05
_CLOCK_S = 5.0
_KEEPING = "noeviction"


def check_server(chosen: Chosen) -> Iterator[Finding]:
    """The configured server, or the private one that `soulsai train` starts without an address."""
    if not chosen.is_right():
        return
    config = chosen.config
    if config.redis.address is not None:
        yield from _checked(config, config.redis.address)
        return
    from soulsai_core.transport.embedded import EmbeddedServer, find_server

    yield Finding("redis", OK, f"redis.address is null: `soulsai train` starts {find_server()} for itself.")
    with EmbeddedServer() as server:
        yield from _checked(config, server.address, private=True)


def _checked(config: Config, address: str, *, private: bool = False) -> Iterator[Finding]:
    from soulsai_core.assembly.connecting import open_transport

    settings = config.redis.model_copy(update={"address": address})
    transport = open_transport(settings, config.run.name)
    with closing(transport):
        pings = []
        for _ in range(_PINGS):
            began = time.perf_counter()
            transport.check()
            pings.append(time.perf_counter() - began)
        yield _latency(sorted(pings)[_PINGS // 2])
        try:
            facts = transport.server_facts()
        except (AccessError, SoulsAIError) as error:
            yield Finding("redis", WARNING, f"The server's version, policy and memory cannot be read: {error}")
            return
        yield _version(facts)
        if not private:  # the private one has no limit, and this machine's clock
            yield _memory(facts, config)
            yield _clock(facts)


def _latency(seconds: float) -> Finding:
    words = f"It answers in {seconds * 1e3:.2f} ms"
    if seconds > _SLOW_S:
        return Finding(
            "redis",
            WARNING,
            f"{words}: a slow connection, on which steps are old when they arrive; use a server nearer to the clients.",
        )
    return Finding("redis", OK, f"{words}.")


def _version(facts: Mapping[str, Any]) -> Finding:
    name = "Valkey" if "valkey_version" in facts else "Redis"
    version = str(facts.get("valkey_version") or facts.get("redis_version", "?"))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if name == "Redis" and numbers < LEAST_REDIS:
        least = ".".join(map(str, LEAST_REDIS))
        return Finding("redis", PROBLEM, f"{name} {version} is too old: install {least} or newer.")
    return Finding("redis", OK, f"{name} {version}.")


def _memory(facts: Mapping[str, Any], config: Config) -> Finding:
    used = int(facts.get("used_memory", 0)) / 2**20
    most = int(facts.get("maxmemory", 0)) / 2**20
    policy = str(facts.get("maxmemory_policy", _KEEPING))
    backlog = config.redis.max_backlog_mb
    words = f"{used:,.0f} MB of memory used, of {f'{most:,.0f} MB' if most else 'any amount'}, policy {policy}"
    if most and policy != _KEEPING:
        return Finding(
            "redis", PROBLEM, f"{words}: it may delete models and messages; set maxmemory-policy {_KEEPING}."
        )
    if most and backlog > most:
        return Finding(
            "redis",
            WARNING,
            f"{words}: samples of redis.max_backlog_mb, {backlog:g} MB, do not fit; set it lower, or maxmemory higher.",
        )
    return Finding("redis", OK, f"{words}.")


def _clock(facts: Mapping[str, Any]) -> Finding:
    if "time" not in facts:
        return Finding("clock", WARNING, "The server does not tell its time.")
    seconds = abs(float(facts["time"]) - time.time())
    if seconds > _CLOCK_S:
        return Finding(
            "clock",
            WARNING,
            f"This machine's clock and the server's differ by {seconds:,.0f} s: nothing in a training "
            "depends on it, but certificates and times in logs do. Synchronize them.",
        )
    return Finding("clock", OK, f"It differs from the server's by {seconds:.1f} s.")
