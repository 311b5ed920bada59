"""The child processes that `soulsai train` runs: their command lines, their environment, and what waits for them."""

from __future__ import annotations

import argparse
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from soulsai_core.cli.background import in_background
from soulsai_core.cli.math_threads import ONE_THREAD
from soulsai_core.cli.training.child_processes import ChildProcesses
from soulsai_core.config import Config, Resolved
from soulsai_core.config.secret import VARIABLE, read_secret
from soulsai_core.node.training import TrainingNode
from soulsai_core.run_folder import CONFIG, RunFolder

log = logging.getLogger(__name__)

NO_CLIENT_LEFT = "no client is left"

# Seconds between two looks at a file or at the clients.
_POLL_INTERVAL = 0.2


def client_commands(config: Config, address: str | None, clients: int) -> dict[str, list[str]]:
    """Name -> arguments of each client. A client waits for the server as long as its parent runs."""
    server = ["--redis-address", str(address), "--run", config.run.name]
    common = ["client", *server, "--wait", "inf", "--with-parent"]
    # The stride keeps the clients of one seed apart from those of the next.
    seeds = [[] if config.run.seed is None else ["--seed", str(config.run.seed * 1000 + i)] for i in range(clients)]
    return {f"client-{i + 1}": [*common, *seed] for i, seed in enumerate(seeds)}


def telemetry_command(
    args: argparse.Namespace, resolved: Resolved, address: str | None, resumed: RunFolder | None
) -> dict[str, list[str]]:
    """Name -> arguments of the telemetry node, empty without one. It reads the same configuration as this process."""
    if resolved.telemetry_config is None:
        unserved = [plugin.name for plugin, _ in resolved.connectors if plugin.home == "telemetry"]
        if unserved:
            log.warning("Without the telemetry node, these connectors receive nothing: %s.", ", ".join(unserved))
        if resolved.config.telemetry.enabled is None:
            log.info("There is no live page: it needs `pip install soulsai-telemetry`.")
        return {}
    file = args.config
    if file is None and resumed is not None and (resumed.path / CONFIG).is_file():
        file = resumed.path / CONFIG
    options = [] if file is None else ["--config", str(file)]
    options += [word for override in args.set for word in ("--set", override)]
    return {"telemetry": ["telemetry", "--redis-address", str(address), "--with-parent", *options]}


def child_environment(config: Config) -> dict[str, str]:
    """Environment variables of the children: one thread each for linear algebra, the certificate to trust, and the
    password if a file holds it."""
    # Several clients share the machine: more threads for their small matrices only take time from each other.
    variables = {**ONE_THREAD, **os.environ}
    if config.redis.ca_file is not None:
        variables["SOULSAI_REDIS__CA_FILE"] = config.redis.ca_file
    password = read_secret(config.redis.secret_file)
    return variables if password is None else {**variables, VARIABLE: password}


@contextmanager
def page_announced(folder: RunFolder, console: Console) -> Iterator[None]:
    """While the block runs, print the URL of the telemetry's page, and a sentence about it if there is one, as soon as
    the telemetry node has written them; or log why it serves no page."""
    _forget_page(folder)

    def wait_for_page(ended: threading.Event) -> None:
        while not ended.wait(_POLL_INTERVAL):
            if text := _read_note(folder.page):
                console.print(f"Watch it at {text}", highlight=False, soft_wrap=True)
                return
            if reason := _read_note(folder.no_page):
                log.warning("The page is left out: %s", reason)
                return

    try:
        with in_background("page-announced", wait_for_page):
            yield
    finally:
        _forget_page(folder)


def _read_note(file: Path) -> str:
    """What is in the file; "" as long as there is none."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def _forget_page(folder: RunFolder) -> None:
    for file in (folder.page, folder.no_page):
        file.unlink(missing_ok=True)


@contextmanager
def stopped_without_clients(node: TrainingNode, children: ChildProcesses) -> Iterator[None]:
    """While the block runs, stop the training once all of our clients have given up and no other client is there."""

    def watch_clients(ended: threading.Event) -> None:
        while not ended.wait(_POLL_INTERVAL):
            if children.client_error is not None and node.latest is not None and not node.latest.clients:
                node.shutdown(NO_CLIENT_LEFT)
                return

    with in_background("clients-watch", watch_clients):
        yield
