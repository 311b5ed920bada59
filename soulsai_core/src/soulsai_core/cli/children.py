"""Which child processes a training on one machine has, and what they are given."""

from __future__ import annotations

import argparse
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from soulsai_core.cli.background import beside
from soulsai_core.cli.workers import Workers
from soulsai_core.config import Config, Resolved
from soulsai_core.config.secret import VARIABLE, read_secret
from soulsai_core.node.training import TrainingNode
from soulsai_core.run_folder import CONFIG, RunFolder

log = logging.getLogger(__name__)

NO_CLIENT_LEFT = "no client is left"


def client_commands(config: Config, address: str | None, clients: int) -> dict[str, list[str]]:
    """Name -> arguments of so many clients. They wait for the server for as long as their parent is there."""
    server = ["--redis-address", str(address), "--run", config.run.name]
    common = ["client", *server, "--wait", "inf", "--with-parent"]
    seeds = [[] if config.run.seed is None else ["--seed", str(config.run.seed * 1000 + i)] for i in range(clients)]
    return {f"client-{i + 1}": [*common, *seed] for i, seed in enumerate(seeds)}


def telemetry_command(
    args: argparse.Namespace, resolved: Resolved, address: str | None, resumed: RunFolder | None
) -> dict[str, list[str]]:
    """Name -> arguments of the telemetry node, empty if there is none. It reads the same configuration as we did."""
    if resolved.telemetry_config is None:
        homeless = [plugin.name for plugin, _ in resolved.connectors if plugin.home == "telemetry"]
        if homeless:
            log.warning("Without the telemetry node, these connectors hear nothing: %s.", ", ".join(homeless))
        return {}
    file = args.config
    if file is None and resumed is not None and (resumed.path / CONFIG).is_file():
        file = resumed.path / CONFIG
    options = [] if file is None else ["--config", str(file)]
    options += [word for override in args.set for word in ("--set", override)]
    return {"telemetry": ["telemetry", "--redis-address", str(address), "--with-parent", *options]}


def environ(config: Config) -> dict[str, str]:
    """The children's environment: one thread each for maths, who is trusted, and the password where a file
    holds it."""
    variables = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **os.environ}
    if config.redis.ca_file is not None:
        variables["SOULSAI_REDIS__CA_FILE"] = config.redis.ca_file
    password = read_secret(config.redis.secret_file)
    return variables if password is None else {**variables, VARIABLE: password}


@contextmanager
def page_told(folder: RunFolder, console: Console) -> Iterator[None]:
    """While the block runs, say where the telemetry's page is as soon as it is known."""
    folder.page.unlink(missing_ok=True)

    def tell(ended: threading.Event) -> None:
        while not ended.wait(0.2):
            if folder.page.exists() and (url := folder.page.read_text(encoding="utf-8").strip()):
                console.print(f"Watch it at {url}", highlight=False, soft_wrap=True)
                return

    try:
        with beside("page-told", tell):
            yield
    finally:
        folder.page.unlink(missing_ok=True)


@contextmanager
def ended_without_clients(node: TrainingNode, workers: Workers) -> Iterator[None]:
    """While the block runs, end the training once all clients of ours have given up and nobody else's is there."""

    def look(ended: threading.Event) -> None:
        while not ended.wait(0.2):
            if workers.complaint is not None and node.latest is not None and not node.latest.clients:
                node.shutdown(NO_CLIENT_LEFT)
                return

    with beside("clients-watch", look):
        yield
