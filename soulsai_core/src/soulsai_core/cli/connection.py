"""Options and steps of the commands that talk to a server which runs already."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from soulsai_core.errors import ConfigError, TransportError

if TYPE_CHECKING:
    from soulsai_core.contracts import Transport


def add_connection_arguments(parser: argparse.ArgumentParser) -> None:
    """--redis-address, --run, --secret-file and --saves."""
    parser.add_argument(
        "--redis-address",
        metavar="ADDRESS",
        help="HOST, HOST:PORT or a redis:// or unix:// URL (default: the training that runs on this machine)",
    )
    parser.add_argument("--run", default="main", metavar="NAME", help="name of the run (default: main)")
    parser.add_argument(
        "--secret-file",
        default="redis.secret",
        metavar="FILE",
        help="file with `requirepass PASSWORD`, if there is one",
    )
    parser.add_argument(
        "--saves", default="saves", type=Path, metavar="FOLDER", help="where to look for a training on this machine"
    )


def connect_from(args: argparse.Namespace) -> Transport:
    """The transport that these options ask for, checked that it answers."""
    from soulsai_core.assembly import connect_to
    from soulsai_core.config import read_secret

    try:
        return connect_to(address_from(args), args.run, read_secret(args.secret_file))
    except TransportError as error:
        if args.redis_address is not None:
            raise
        advice = "The training that listened there was killed, it seems: go on with `soulsai train --resume`."
        raise TransportError(f"{error} {advice}") from error


def address_from(args: argparse.Namespace) -> str:
    """The address given, or that of the training on this machine."""
    if args.redis_address is not None:
        return args.redis_address
    from soulsai_core.run_folder import running_address

    address = running_address(args.saves)
    if address is None:
        raise ConfigError(
            f"No training runs on this machine under {args.saves}. "
            "Give --redis-address, or --saves if its folder is elsewhere."
        )
    return address
