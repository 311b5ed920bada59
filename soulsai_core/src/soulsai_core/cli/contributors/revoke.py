"""`soulsai revoke`: end the access of a contributor."""

from __future__ import annotations

import argparse

from soulsai_core.cli.connection import add_connection_arguments, connect_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The contributor's name."""
    parser.add_argument("name", metavar="NAME", help="name of the contributor, as invited")
    add_connection_arguments(parser, reads_config=True)


def run(args: argparse.Namespace) -> int:
    """Close the contributor's connections and delete its user on the server."""
    from soulsai_core.contributors.users import Users

    transport = connect_from(args)
    try:
        Users(transport).revoke(args.name)
    finally:
        transport.close()
    print(f"{args.name} was disconnected and cannot join again.")
    return 0
