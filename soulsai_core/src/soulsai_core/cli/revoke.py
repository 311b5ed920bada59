"""`soulsai revoke`: put somebody out who was invited."""

from __future__ import annotations

import argparse

from soulsai_core.cli.connection import add_connection_arguments, connect_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Who."""
    parser.add_argument("name", metavar="NAME", help="as it was invited")
    add_connection_arguments(parser, reads_config=True)


def run(args: argparse.Namespace) -> int:
    """Cut the contributor's connections and take its rights."""
    from soulsai_core.contributors.users import Users

    transport = connect_from(args)
    try:
        Users(transport).revoke(args.name)
    finally:
        transport.close()
    print(f"{args.name} is out, and can join no more.")
    return 0
