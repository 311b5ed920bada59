"""`soulsai init`: passwords, users and certificates for a server that other machines reach."""

from __future__ import annotations

import argparse
import os
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
    parser.add_argument(
        "--renew-users",
        action="store_true",
        help=(
            "update the rights of the users in the server's file to those of this version; passwords and invitations "
            "stay valid"
        ),
    )


def run(args: argparse.Namespace) -> int:
    """Look at what is needed, write the missing files, and print what was done."""
    from datetime import UTC, datetime
    from itertools import chain

    from soulsai_core.contributors.initialize import give_to_owner, initialize, renew_users, write_environment
    from soulsai_core.contributors.prerequisites import advice, check_prerequisites

    root = Path()
    if args.renew_users:
        sentences = chain(renew_users(args.folder), give_to_owner(args.folder, root))
    else:
        check_prerequisites(args.folder, root, args.host)
        now = datetime.now(UTC)
        sentences = chain(
            initialize(args.folder, args.host, now),
            write_environment(root, args.host[0] if args.host else None),
            give_to_owner(args.folder, root),
            advice(args.folder, root, now, os.environ),
        )
    for sentence in sentences:
        print(sentence)
    return 0
