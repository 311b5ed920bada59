"""`soulsai status`: the state of a running training, as a table or as JSON."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from soulsai_core.cli.connection import add_connection_arguments, connect_from
from soulsai_core.errors import TransportError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from soulsai_core.contracts import Transport
    from soulsai_core.messages import NodeStatus


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Connection options, and how to show the status."""
    add_connection_arguments(parser, reads_config=True)
    parser.add_argument("--watch", action="store_true", help="update every second, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def run(args: argparse.Namespace) -> int:
    """Print the status, once or every second."""
    from rich.console import Console
    from rich.live import Live

    transport = connect_from(args)
    try:
        if args.json:
            print(_payload(transport).decode())
        elif not args.watch:
            Console().print(render(_read(transport)))
        else:
            _watch(transport, Live(render(_read(transport)), auto_refresh=False, screen=False))
    finally:
        transport.close()
    return 0


def _watch(transport: Transport, live: object) -> None:
    import time

    from rich.live import Live

    assert isinstance(live, Live)
    with live:
        # The last status, of a training that has ended, stays on the screen.
        while (status := _read(transport)).state == "running":
            live.update(render(status), refresh=True)
            time.sleep(1.0)
        live.update(render(status), refresh=True)


def _payload(transport: Transport) -> bytes:
    payload = transport.read_status()
    if payload is None:
        raise TransportError("The server answers, but no training node has reported to it yet.")
    return payload


def _read(transport: Transport) -> NodeStatus:
    import msgspec

    from soulsai_core.messages import NodeStatus

    return msgspec.json.decode(_payload(transport), type=NodeStatus)


def render(status: NodeStatus) -> RenderableType:
    """A table of the node's numbers, and below it a table of its clients.

    All cells are `Text`, which is shown as it is: a string would be read as rich's markup, and some of it comes from
    clients.
    """
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    for name, value in _facts(status):
        facts.add_row(name, Text(value))
    columns = ("client", "steps", "steps/s", "episodes", "admitted", "rejected", "late", "restarts")
    clients = Table(*columns, box=box.SIMPLE)
    for client in status.clients:
        info = client.info
        rejected = ", ".join(f"{n} {reason}" for reason, n in client.rejected.items()) or "0"
        numbers = (info.env_steps, round(info.steps_per_second), info.episodes, client.admitted)
        row = (info.id, *map(str, numbers), rejected, str(info.late_steps), str(info.restarts))
        clients.add_row(*map(Text, row))
    return Group(facts, clients) if status.clients else facts


def _facts(status: NodeStatus) -> list[tuple[str, str]]:
    from soulsai_core.cli.formatting import count, duration, mean_return

    goal = "" if status.goal_env_steps is None else f" of {count(status.goal_env_steps)}"
    rejected = ", ".join(f"{n} {reason}" for reason, n in status.rejected.items()) or "none"
    mean = status.staleness
    staleness = f"{mean['iterations']:.2f} iterations, {mean['env_steps']:.0f} steps, {mean['seconds']:.2f} s"
    return [
        ("run", f"{status.run_id} ({status.state} for {duration(status.elapsed)})"),
        ("folder", status.folder),
        ("env steps", f"{count(status.env_steps)}{goal}, {status.steps_per_second:,.0f}/s"),
        ("return", f"{mean_return(status)} over the last {status.window_episodes} of {status.episodes} episodes"),
        ("iteration", f"{status.iteration}, {status.iterations_per_second:.1f}/s"),
        ("admitted", f"{status.acceptance:.2%}; rejected: {rejected}"),
        ("staleness", staleness),
        ("queue", f"{status.backlog} messages"),
        ("learner", ", ".join(f"{name} {value:.4g}" for name, value in status.learner.items()) or "no update yet"),
        ("clients", str(len(status.clients))),
        *(("trouble", f"{client.info.id}: {client.info.problem}") for client in status.clients if client.info.problem),
        *(("left out", f"{client.info.id}: {client.info.unfit}") for client in status.clients if client.info.unfit),
    ]
