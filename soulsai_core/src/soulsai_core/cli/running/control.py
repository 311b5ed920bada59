"""`soulsai quicksave` and `soulsai shutdown`: send a command to a running training node, and print its reply."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from soulsai_core.cli.connection import add_connection_arguments, connect_from
from soulsai_core.errors import TransportError

if TYPE_CHECKING:
    from soulsai_core.contracts import Transport
    from soulsai_core.node.health.judging import Health


_SILENT_AFTER = 4.0
"""Seconds without a new status after which a command is given up: somewhat sooner than the node is called silent
elsewhere, since a person waits for the answer. A node that lives writes 16 meanwhile."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Connection options, the time limit, and what to save."""
    add_connection_arguments(parser, reads_config=True)
    parser.add_argument(
        "--timeout", type=float, default=60.0, metavar="S", help="seconds to wait for a busy node (default: 60)"
    )
    if parser.prog.endswith("quicksave"):
        parser.add_argument("--save-buffer", action="store_true", help="include the replay buffer")


def run(args: argparse.Namespace) -> int:
    """Send the command and print the reply. The exit code is 2 if the node refused, or no node is there."""
    options = {"buffer": args.save_buffer} if args.command == "quicksave" else {}
    return send(args, args.command, options)


def send(args: argparse.Namespace, name: str, options: dict[str, Any]) -> int:
    """Send a command to the training node that the options name, and print its reply. Returns the exit code."""
    import sys
    import uuid

    import msgspec

    from soulsai_core.cli.running.status import other_version
    from soulsai_core.messages import UNREADABLE, Command, Reply

    command = Command(uuid.uuid4().hex, name, options)
    transport = connect_from(args)
    try:
        _expect_node(transport)
        payload = msgspec.json.encode(command)
        answer = transport.command(command.id, payload, args.timeout, lambda: not _judge(transport).live)
        if answer is None:
            _expect_node(transport)
            raise TransportError(
                f"The training node has not answered within {args.timeout:g} s: it is busy with a long update, or its "
                "disk is slow. Nothing was done; --timeout waits longer."
            )
    finally:
        transport.close()
    try:
        reply = msgspec.json.decode(answer, type=Reply)
    except UNREADABLE as error:
        raise TransportError(other_version("reply", error)) from error
    print(reply.detail if reply.ok else f"soulsai: {reply.detail}", file=sys.stdout if reply.ok else sys.stderr)
    return 0 if reply.ok else 2


def _expect_node(transport: Transport) -> None:
    """Raise TransportError with the judgment of the training if its node does not report."""
    health = _judge(transport)
    if not health.live:
        advice = "".join(f" {condition.advice}" for condition in health.conditions)
        raise TransportError(f"{health.sentence}{advice}")


def _judge(transport: Transport) -> Health:
    from soulsai_core.cli.running.status import read_status

    return read_status(transport, time.time(), _SILENT_AFTER)[1]
