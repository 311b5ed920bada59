"""`soulsai init`: passwords, users and certificates for a server that others reach."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where, and for which names."""
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("compose/config"),
        metavar="FOLDER",
        help="where to write them (default: compose/config)",
    )
    parser.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name or address under which players reach the server; repeatable, the first goes into invitations",
    )


def run(args: argparse.Namespace) -> int:
    """Write what is missing, and say what was done."""
    from datetime import UTC, datetime

    from soulsai_core.contributors.initialise import hand_over, initialise, write_environment

    for sentence in initialise(args.folder, args.host, datetime.now(UTC)):
        print(sentence)
    for sentence in write_environment(Path(), args.host[0] if args.host else None):
        print(sentence)
    for sentence in hand_over(args.folder, Path()):
        print(sentence)
    return 0
