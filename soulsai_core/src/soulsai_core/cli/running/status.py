"""`soulsai status`: how a training is, as a table or as JSON."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from soulsai_core.cli.connection import add_connection_arguments, connect_from
from soulsai_core.errors import TransportError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from soulsai_core.contracts import Transport
    from soulsai_core.node.health.judging import Health
    from soulsai_core.node.status.node_status import NodeStatus

log = logging.getLogger(__name__)

UNHEALTHY = 1
"""The exit code for a training that does not go on as it should."""

_UNBOUNDED = 10_000
"""Columns of what is no terminal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Connection options, and how to show the status."""
    add_connection_arguments(parser, reads_config=True)
    parser.add_argument("--watch", action="store_true", help="update every second, until Ctrl-C or the end of the run")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.epilog = (
        "The exit code is 0 if the training goes on, waits for clients or has finished; 1 if the node is silent, or "
        "the training is stuck, has failed or rejects much; 2 if the status cannot be read."
    )


def run(args: argparse.Namespace) -> int:
    """Print the status, once or every second."""
    from soulsai_core.cli.running.status_table import render

    console = _console()
    found = _of_ended_run(args)
    if found is not None:
        print(_as_json(*found)) if args.json else _print(console, render(*found, console.width))
        return UNHEALTHY if found[1].unhealthy else 0
    transport = connect_from(args)
    try:
        status, health = read_status(transport, time.time())
        if args.json:
            print(_as_json(status, health))
        elif not args.watch:
            _print(console, render(status, health, console.width))
        else:
            health = _watch(transport, console)
    finally:
        transport.close()
    return UNHEALTHY if health.unhealthy else 0


def _console() -> Console:
    """Of the terminal's width; into a file or a pipe each fact is one line, however long."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=_UNBOUNDED)


def _print(console: Console, table: RenderableType) -> None:
    """Print the table, into a file or a pipe without the blanks that rich adds at the ends of lines."""
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        print(line.rstrip(), file=console.file)


def _watch(transport: Transport, console: Console) -> Health:
    from rich.live import Live

    if not console.is_terminal:  # a file or a pipe: one table below the other
        return _show_until_end(transport, console, lambda table: _print(console, table))
    with Live(console=console, auto_refresh=False, screen=False) as live:
        return _show_until_end(transport, console, lambda table: live.update(table, refresh=True))


def _show_until_end(transport: Transport, console: Console, show: Callable[[RenderableType], object]) -> Health:
    from soulsai_core.cli.running.status_table import render

    while True:
        status, health = read_status(transport, time.time())
        show(render(status, health, console.width))
        console.file.flush()  # a reader that has closed the pipe is noticed now
        # The last status, of a training that has ended, stays on the screen. A silent node may come back.
        if health.state in ("finished", "failed"):
            return health
        time.sleep(1.0)


def _of_ended_run(args: argparse.Namespace) -> tuple[NodeStatus, Health] | None:
    """Where no server is named and no training runs here: the last status of the newest run of this machine."""
    from soulsai_core.cli.connection import saves_without_server
    from soulsai_core.cli.runs import killed_start, newest_folder
    from soulsai_core.node.status.last_status import last_status

    saves = saves_without_server(args)
    folder = None if saves is None else newest_folder(saves)
    if saves is None or folder is None:
        return None
    if start := killed_start(saves, folder):
        log.warning("%s The newest run is:", start)
    return last_status(folder, time.time())


def read_status(transport: Transport, now: float, silent_after: float | None = None) -> tuple[NodeStatus, Health]:
    """The last status in the server, and the judgment of it at `now`, in seconds since 1970. A node without a newer one
    for `silent_after` seconds counts as silent; None: for as long as everywhere."""
    import msgspec

    from soulsai_core.messages import UNREADABLE
    from soulsai_core.node.health.judging import SILENT_AFTER, judge
    from soulsai_core.node.status.node_status import NodeStatus

    found = transport.read_status()
    if found is None:
        raise TransportError("The server answers, but no training node has reported to it yet.")
    age, payload = found
    try:
        status = msgspec.json.decode(payload, type=NodeStatus)
    except UNREADABLE as error:
        raise TransportError(other_version("status", error)) from error
    return status, judge(status, age=age, now=now, silent_after=silent_after or SILENT_AFTER)


def other_version(what: str, error: Exception) -> str:
    """A sentence on what the training node wrote and this program cannot read."""
    return f"The training node's {what} cannot be read ({error}): it may run another version of soulsai-core than this."


def _as_json(status: NodeStatus, health: Health) -> str:
    """The status, with the judgment of it under "health"."""
    import msgspec

    values = {**msgspec.to_builtins(status), "health": {**msgspec.to_builtins(health), "label": health.label}}
    return msgspec.json.encode(values).decode()
