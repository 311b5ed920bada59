"""Hosts a training: the training node in this process, and for `soulsai train` its server and child processes."""

from __future__ import annotations

import argparse
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console

from soulsai_core.assembly.connecting import open_transport
from soulsai_core.assembly.node import create_folder, make_node
from soulsai_core.cli.agents.models import starting_point
from soulsai_core.cli.display import QuietConsole, log_file, progress_line, start_logging
from soulsai_core.cli.garbage import leave_out_what_exists
from soulsai_core.cli.interrupts import on_interrupt
from soulsai_core.cli.options import config_from
from soulsai_core.cli.training.capacity import check_capacity
from soulsai_core.cli.training.child_commands import (
    NO_CLIENT_LEFT,
    child_environment,
    client_commands,
    page_announced,
    stopped_without_clients,
    telemetry_command,
)
from soulsai_core.cli.training.child_processes import ChildProcesses
from soulsai_core.cli.training.ending import ended_at_once, print_end, stopping
from soulsai_core.cli.training.progress import progress
from soulsai_core.cli.training.resume import (
    announced,
    chosen_folder,
    further,
    how_it_ended,
    how_to_go_on,
    keep_config_file,
    resumed_config,
)
from soulsai_core.cli.training.server_watch import kept_running
from soulsai_core.cli.waiting import wait_for_server
from soulsai_core.config import Config, Resolved, TrainingSettings, resolve
from soulsai_core.config.models import RedisSettings
from soulsai_core.config.seeding import seeded
from soulsai_core.contracts import Transport
from soulsai_core.errors import ConfigError, SoulsAIError
from soulsai_core.node.metrics_server import MetricsServer
from soulsai_core.node.training import TrainingNode
from soulsai_core.plugins.catalog import Catalog
from soulsai_core.run_folder import RunFolder
from soulsai_core.transport.embedded import EmbeddedServer

log = logging.getLogger(__name__)

_PATIENCE_S = 10.0
"""Seconds that a training node waits for its server."""


def host(args: argparse.Namespace, *, clients: int, alone: bool) -> int:
    """Run a training to its end, and print where its model is. Returns the exit code.

    Args:
        clients: number of client processes to start here.
        alone: run the training node alone. Otherwise clients and telemetry run too, and a server if none is configured.
    """
    if clients < 0:
        raise ConfigError(f"--clients is {clients}; it takes 0 or more.")
    console = QuietConsole(markup=False, emoji=False)  # reasons and paths are shown as they are
    start_logging(console, tracebacks=False, warnings_only=args.part_of is not None)  # the log file has everything
    args, start = starting_point(args)
    config, resumed = _config_and_folder(args)
    ended = "" if resumed is None else how_it_ended(resumed, time.time())
    if resumed is None:
        config = seeded(config, lambda: secrets.randbelow(2**31))
    with ExitStack() as stack:
        catalog = Catalog()
        stack.enter_context(catalog.calls.watched())
        resolved = resolve(config, catalog)
        if not alone:
            _warn_of_missing_clients(resolved, clients)
        if resumed is not None:
            stack.enter_context(resumed.held(time.time()))
        settings = config.redis
        # The embedded server ends last: everything that is entered after it talks to it while it closes.
        if not alone and settings.address is None:
            server = stack.enter_context(EmbeddedServer())
            stack.enter_context(kept_running(server))
            settings = settings.model_copy(update={"address": server.address})
        transport = _connected(settings, config.run.name, _PATIENCE_S if alone else 0.0)
        stack.callback(transport.close)
        before = BeforeStart(console)
        with on_interrupt(before.leave, lambda: before.at_once()):
            folder = resumed or create_folder(resolved)
            if resumed is None:
                stack.callback(folder.discard_unused)
                stack.enter_context(folder.held(time.time()))
            stack.enter_context(_address_noted(folder, settings.address))
            stack.enter_context(log_file(folder.logs / "training-node.log"))
            check_capacity(resolved, folder.path)
            client_children = client_commands(config, settings.address, clients)
            others = {} if alone else telemetry_command(args, resolved, settings.address, resumed)
            commands = {**client_children, **others}
            children = ChildProcesses(commands, child_environment(config), folder.logs, clients=client_children)
            before.at_once = children.kill
            # The children start before the node is made: they import their packages in the meantime, and wait for it.
            stack.callback(children.close)
            children.start()
            node = make_node(resolved, transport, folder, resume=resumed is not None, start=start)
            if resumed is not None and _nothing_is_left(resumed, node, ended, console):
                return 0
            keep_config_file(args, folder)
            _serve_metrics(node, config.training, stack)
            if "telemetry" in commands and args.part_of is None:
                stack.enter_context(page_announced(folder, console))
            before.check()
        reason = _run(node, children, console, args.part_of)
    return _conclude(node, reason, children, console, args.part_of)


def _conclude(node: TrainingNode, reason: str, children: ChildProcesses, console: Console, part_of: str | None) -> int:
    if part_of is None:
        status = node.latest
        print_end(node.folder, status, reason, further(status.beyond_goal if status else ""), console)
    if reason == NO_CLIENT_LEFT:
        raise SoulsAIError(f"No client is left; the error of the last one: {children.client_error}")
    return 0


def _nothing_is_left(resumed: RunFolder, node: TrainingNode, ended: str, console: Console) -> bool:
    """Say from where a resumed run goes on, and whether its goal is reached already."""
    _say(console, announced(resumed, node.iteration, node.env_steps, ended))
    reached = node.goal_reached()
    if reached is not None:
        reason, beyond = reached
        _say(console, how_to_go_on(resumed, reason, further(beyond)))
    return reached is not None


def _say(console: Console, sentence: str) -> None:
    console.print(sentence, highlight=False, soft_wrap=True)


def _config_and_folder(args: argparse.Namespace) -> tuple[Config, RunFolder | None]:
    """The configuration, and the folder to resume in, None for a new training."""
    config = config_from(args)
    if args.resume is None:
        return config, None
    folder = chosen_folder(args.resume, Path(config.run.saves), time.time())
    return resumed_config(args, folder), folder


def _warn_of_missing_clients(resolved: Resolved, clients: int) -> None:
    required = resolved.algorithm.sync(resolved.algorithm_config).required_clients
    if 0 < clients < required:
        log.warning(
            "%s waits until it has %d clients, and --clients is %d: give --clients %d, start others with `soulsai "
            "client`, or set the algorithm to need fewer.",
            resolved.algorithm.name, required, clients, required,
        )  # fmt: skip


def _serve_metrics(node: TrainingNode, settings: TrainingSettings, stack: ExitStack) -> None:
    """Open the port for Prometheus, if there is one in the settings. Training does not depend on it."""
    if settings.prometheus_port is None:
        return
    try:
        server = MetricsServer(
            node.metrics.registry, settings.prometheus_host, settings.prometheus_port, settings.prometheus_hosts
        )
    except ConfigError as error:
        log.error("The metrics of the training node are left out: %s", error)
        return
    server.start()
    stack.callback(server.close)


class BeforeStart:
    """Ctrl-C before the training begins ends it, wherever it comes.

    Attributes:
        at_once: called by the second one.
    """

    def __init__(self, console: Console) -> None:
        self.at_once: Callable[[], None] = lambda: None
        self._console = console
        self._asked = False

    def leave(self, reason: str) -> None:
        """Handle the first one."""
        self._asked = True
        self._console.print(f"Training ended before it began: {reason}.", highlight=False)
        raise KeyboardInterrupt

    def check(self) -> None:
        """Raise KeyboardInterrupt again, which gets lost where a library handles all exceptions."""
        if self._asked:
            raise KeyboardInterrupt


def _run(node: TrainingNode, children: ChildProcesses, console: Console, part_of: str | None) -> str:
    line = progress_line(console, lambda: _latest(node, part_of))

    def end_at_once() -> None:
        ended_at_once(node)
        children.kill()

    with on_interrupt(stopping(node, console), end_at_once):
        # Only now: from then on, Ctrl-C does what is said.
        if part_of is None:
            _say(console, f"Training {node.folder.name}; Ctrl-C saves and stops.")
        leave_out_what_exists()
        with line, stopped_without_clients(node, children):
            return node.run()


def _latest(node: TrainingNode, part_of: str | None) -> str | None:
    status = node.latest
    health = node.health(time.time())
    if status is None or health is None:
        return None
    line = progress(status, health)
    return line if part_of is None else f"{part_of}  {line}"


def _connected(settings: RedisSettings, run: str, patience: float) -> Transport:
    """A transport to the server, which may be about to start, too.

    Raises TransportError if none answers after `patience` seconds.
    """
    transport = wait_for_server(lambda: open_transport(settings, run), threading.Event(), patience)
    assert transport is not None, "nothing asks the wait to end"
    return transport


@contextmanager
def _address_noted(folder: RunFolder, address: str | None) -> Iterator[None]:
    """While the block runs, the folder holds the server's address, so that commands on this machine find it."""
    folder.write_address(address)
    try:
        yield
    finally:
        folder.write_address(None)
