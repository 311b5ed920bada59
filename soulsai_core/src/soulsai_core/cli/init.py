"""`soulsai init`: passwords, users and certificates for a server that other machines reach."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder, and the server's names."""
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("compose/config"),
        metavar="FOLDER",
        help="where to write the files (default: compose/config)",
    )
    parser.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="name or address of the server as contributors reach it; repeatable, the first one goes into invitations",
    )


def run(args: argparse.Namespace) -> int:
    """Write the missing files, and print what was done."""
    from datetime import UTC, datetime

    from soulsai_core.contributors.initialize import give_to_owner, initialize, write_environment

    for sentence in initialize(args.folder, args.host, datetime.now(UTC)):
        print(sentence)
    for sentence in write_environment(Path(), args.host[0] if args.host else None):
        print(sentence)
    for sentence in give_to_owner(args.folder, Path()):
        print(sentence)
    return 0
