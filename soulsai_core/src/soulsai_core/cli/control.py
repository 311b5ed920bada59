"""`soulsai quicksave` and `soulsai shutdown`: send a command to a running training node, and print its reply."""

from __future__ import annotations

import argparse

from soulsai_core.cli.connection import add_connection_arguments, connect_from
from soulsai_core.errors import TransportError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Connection options, the time limit, and what to save."""
    add_connection_arguments(parser, reads_config=True)
    parser.add_argument(
        "--timeout", type=float, default=60.0, metavar="S", help="seconds to wait for the reply (default: 60)"
    )
    if parser.prog.endswith("quicksave"):
        parser.add_argument("--save-buffer", action="store_true", help="include the replay buffer")


def run(args: argparse.Namespace) -> int:
    """Send the command and print the reply. The exit code is 2 if the node refused."""
    import sys
    import uuid

    import msgspec

    from soulsai_core.messages import Command, Reply

    options = {"buffer": args.save_buffer} if args.command == "quicksave" else {}
    command = Command(uuid.uuid4().hex, args.command, options)
    transport = connect_from(args)
    try:
        answer = transport.command(command.id, msgspec.json.encode(command), args.timeout)
    finally:
        transport.close()
    if answer is None:
        raise TransportError(
            f"No training node answered within {args.timeout:g} s: it is not running, or busy with a long update."
        )
    reply = msgspec.json.decode(answer, type=Reply)
    print(reply.detail if reply.ok else f"soulsai: {reply.detail}", file=sys.stdout if reply.ok else sys.stderr)
    return 0 if reply.ok else 2
