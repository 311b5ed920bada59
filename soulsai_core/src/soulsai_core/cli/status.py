"""`soulsai status`: how a training is, as a table or as JSON."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from soulsai_core.cli.connection import add_connection_arguments, connect_from
from soulsai_core.errors import TransportError

if TYPE_CHECKING:
    from rich.live import Live

    from soulsai_core.contracts import Transport
    from soulsai_core.node.health import Health
    from soulsai_core.node.node_status import NodeStatus

TROUBLED = 1
"""The exit code for a training that does not go on as it should."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Connection options, and how to show the status."""
    add_connection_arguments(parser, reads_config=True)
    parser.add_argument("--watch", action="store_true", help="update every second, until Ctrl-C or the end of the run")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.epilog = (
        "The exit code is 0 if the training goes on, waits for clients or has finished; 1 if the node is silent, or "
        "the training is stuck, has failed or rejects much; 2 if nothing can be said."
    )


def run(args: argparse.Namespace) -> int:
    """Print the status, once or every second."""
    from rich.console import Console
    from rich.live import Live

    from soulsai_core.cli.status_table import render

    transport = connect_from(args)
    try:
        status, health = _read(transport)
        if args.json:
            print(_as_json(status, health))
        elif not args.watch:
            Console().print(render(status, health))
        else:
            health = _watch(transport, Live(render(status, health), auto_refresh=False, screen=False))
    finally:
        transport.close()
    return TROUBLED if health.troubled else 0


def _watch(transport: Transport, live: Live) -> Health:
    from soulsai_core.cli.status_table import render

    with live:
        while True:
            status, health = _read(transport)
            live.update(render(status, health), refresh=True)
            # The last status, of a training that has ended, stays on the screen. A silent node may come back.
            if health.state in ("finished", "failed"):
                return health
            time.sleep(1.0)


def _read(transport: Transport) -> tuple[NodeStatus, Health]:
    """The last status, and the judgement of it."""
    import msgspec

    from soulsai_core.node.health import judge
    from soulsai_core.node.node_status import NodeStatus

    found = transport.read_status()
    if found is None:
        raise TransportError("The server answers, but no training node has reported to it yet.")
    age, payload = found
    status = msgspec.json.decode(payload, type=NodeStatus)
    return status, judge(status, age=age, now=time.time())


def _as_json(status: NodeStatus, health: Health) -> str:
    """The status, with the judgement of it under "health"."""
    import msgspec

    values = {**msgspec.to_builtins(status), "health": {**msgspec.to_builtins(health), "label": health.label}}
    return msgspec.json.encode(values).decode()
