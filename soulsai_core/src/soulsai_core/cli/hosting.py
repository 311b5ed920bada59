"""Hosting a training: the server if it is ours, the children that are ours, and the training node in this process."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console

from soulsai_core.assembly.nodes import create_folder, make_node, open_transport
from soulsai_core.cli.children import (
    NO_CLIENT_LEFT,
    client_commands,
    ended_without_clients,
    environ,
    page_told,
    telemetry_command,
)
from soulsai_core.cli.display import log_file, progress_line, start_logging
from soulsai_core.cli.interrupts import on_interrupt
from soulsai_core.cli.options import config_from
from soulsai_core.cli.workers import Workers
from soulsai_core.config import Config, resolve
from soulsai_core.errors import ConfigError, SoulsAIError
from soulsai_core.node.training import TrainingNode
from soulsai_core.plugins.catalog import Catalog
from soulsai_core.run_folder import CONFIG, RunFolder
from soulsai_core.transport.embedded import EmbeddedServer


def host(args: argparse.Namespace, *, clients: int, alone: bool) -> int:
    """Run a training to its end and say where its model lies.

    Args:
        alone: run nothing but the training node; else a server too, if none is configured, clients and telemetry.
    """
    if clients < 0:
        raise ConfigError(f"--clients is {clients}; it takes 0 or more.")
    console = Console()
    start_logging(console)
    config, resumed = _config_and_folder(args)
    resolved = resolve(config, Catalog())
    with ExitStack() as stack:
        settings = config.redis
        if not alone and settings.address is None:
            server = stack.enter_context(EmbeddedServer())
            settings = settings.model_copy(update={"address": server.address})
        transport = open_transport(settings, config.run.name)
        stack.callback(transport.close)
        folder = resumed or create_folder(resolved)
        if resumed is None:
            stack.callback(folder.discard_unused)
        stack.enter_context(_findable(folder, settings.address))
        stack.enter_context(log_file(folder.logs / "training-node.log"))
        players = children = client_commands(config, settings.address, clients)
        if not alone:
            children = {**players, **telemetry_command(args, resolved, settings.address, resumed)}
        workers = Workers(children, environ(config), folder.logs, clients=players)
        with on_interrupt(lambda reason: _leave_before_start(reason, console), workers.kill):
            stack.callback(workers.close)
            workers.start()
            node = make_node(resolved, transport, folder, resume=resumed is not None)
            if config.training.prometheus_port is not None:
                stack.callback(node.metrics.serve(config.training.prometheus_port))
            if "telemetry" in children:
                stack.enter_context(page_told(folder, console))
        reason = _run(node, workers, console)
    return _conclude(node, reason, workers, console)


def _config_and_folder(args: argparse.Namespace) -> tuple[Config, RunFolder | None]:
    """The configuration, and the folder to go on with. A resumed training keeps the settings saved with it, unless
    --config gives others."""
    config = config_from(args)
    if args.resume is None:
        return config, None
    folder = RunFolder.resumable(Path(args.resume)) if args.resume else RunFolder.newest(Path(config.run.saves))
    if args.config is None and (folder.path / CONFIG).is_file():
        config = config_from(argparse.Namespace(**{**vars(args), "config": folder.path / CONFIG}))
    return config, folder


def _leave_before_start(reason: str, console: Console) -> None:
    console.print(f"Training ended before it began: {reason}.", highlight=False)
    raise KeyboardInterrupt


def _run(node: TrainingNode, workers: Workers, console: Console) -> str:
    console.print(f"Training {node.folder.name}; Ctrl-C saves and stops.", highlight=False, soft_wrap=True)
    progress = progress_line(console, lambda: node.latest)
    with on_interrupt(node.shutdown, workers.kill), progress, ended_without_clients(node, workers):
        return node.run()


def _conclude(node: TrainingNode, reason: str, workers: Workers, console: Console) -> int:
    console.print(f"Training ended: {reason}.", highlight=False)
    console.print(f"The model lies in {node.folder.checkpoint}", highlight=False, soft_wrap=True)
    if reason == NO_CLIENT_LEFT:
        raise SoulsAIError(f"No client is left; the last one said: {workers.complaint}")
    return 0


@contextmanager
def _findable(folder: RunFolder, address: str | None) -> Iterator[None]:
    """While the training runs, commands on this machine find its server."""
    folder.write_address(address)
    try:
        yield
    finally:
        folder.write_address(None)
