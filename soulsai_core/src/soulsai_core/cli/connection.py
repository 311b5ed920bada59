"""Options for the connection to a running server, and the transports that they describe."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from soulsai_core.cli.options import add_file_argument, add_set_argument
from soulsai_core.errors import ConfigError, TransportError

if TYPE_CHECKING:
    from soulsai_core.config import RedisSettings
    from soulsai_core.contracts import Transport
    from soulsai_core.transport.redis import RedisTransport


_HOW_TO_JOIN = " With an invitation, enter the whole line that the host has sent: soulsai-client join …"
_HOW_TO_OPEN = " `--run-folder RUN` opens the page of a run that has ended."


def add_connection_arguments(parser: argparse.ArgumentParser, *, reads_config: bool = False) -> None:
    """--redis-address, --run, --secret-file, --ca-file and --saves.

    Args:
        reads_config: adds --config and --set, and takes what no option gives from the same settings as a training.
            Otherwise it comes from SOULSAI_… variables alone.
    """
    if reads_config:
        add_file_argument(parser)
        add_set_argument(parser)
    parser.add_argument(
        "--redis-address",
        metavar="ADDRESS",
        help="HOST, HOST:PORT or a redis://, rediss:// or unix:// URL "
        "(default: redis.address, else the training on this machine)",
    )
    parser.add_argument("--run", metavar="NAME", help="name of the run (default: run.name, which is main)")
    parser.add_argument(
        "--secret-file",
        metavar="FILE",
        help="file with the line `requirepass PASSWORD` (default: redis.secret_file, which is redis.secret)",
    )
    parser.add_argument("--ca-file", metavar="FILE", help="certificate of the authority to trust for rediss:// (TLS)")
    parser.add_argument(
        "--saves",
        type=Path,
        metavar="FOLDER",
        help="folder with the runs of this machine, to find one that is running (default: run.saves, which is saves)",
    )
    parser.set_defaults(reads_config=reads_config)


def connect_from(args: argparse.Namespace) -> RedisTransport:
    """The transport that these options describe. The server has answered."""
    from soulsai_core.assembly.connecting import open_transport

    settings, run, given = connection_of(args)
    try:
        return open_transport(settings, run)
    except TransportError as error:
        if given:
            raise
        advice = "The training there seems to have been killed: resume it with `soulsai train --resume`."
        raise TransportError(f"{error} {advice}") from error


def join_from(args: argparse.Namespace) -> Transport:
    """The transport of a client: that of its invitation if one is given, otherwise that of the connection options."""
    words = args.invitation
    if not words:
        return connect_from(args)
    line = " ".join(words)
    # A line that was cut, or is in quotes, is one too: as the name of a file it would show its password in the error.
    is_line = len(words) > 2 or "://" in line
    if not is_line and (words[0] != "join" or len(words) == 1):
        raise ConfigError("A client takes options alone, or `join` and an invitation, or `join` and a file with one.")
    from soulsai_core.assembly.connecting import accept
    from soulsai_core.config import load_environment
    from soulsai_core.contributors.invitation import read_invitation

    invitation = read_invitation(line if is_line else _text_of(Path(words[1])))
    return accept(invitation, load_environment(os.environ).redis.private_networks)


def connection_of(args: argparse.Namespace) -> tuple[RedisSettings, str, bool]:
    """The server's settings, the name of the run, and whether its address was given. If not, it is that of the training
    that runs on this machine."""
    from soulsai_core.config import load_config, load_environment

    config = load_config(args.config, args.set) if args.reads_config else load_environment(os.environ)
    saves = args.saves or Path(config.run.saves)
    given = args.redis_address or config.redis.address
    changes = {
        "secret_file": args.secret_file,
        "ca_file": args.ca_file,
        "address": given or _address_of_running(saves, _advice(args)),
    }
    settings = config.redis.model_copy(update={name: value for name, value in changes.items() if value is not None})
    return settings, args.run or config.run.name, given is not None


def saves_without_server(args: argparse.Namespace) -> Path | None:
    """The folder of runs of this machine, if the options name no server and no training runs there; else None."""
    from soulsai_core.cli.runs import running_address
    from soulsai_core.config import load_config

    config = load_config(args.config, args.set)
    saves = args.saves or Path(config.run.saves)
    return None if args.redis_address or config.redis.address or running_address(saves) else saves


def _advice(args: argparse.Namespace) -> str:
    """What else a command can do that finds no training here."""
    if hasattr(args, "invitation"):
        return _HOW_TO_JOIN
    return _HOW_TO_OPEN if hasattr(args, "run_folder") else ""


def _address_of_running(saves: Path, advice: str) -> str:
    """The server's address of the training that runs on this machine. `advice` is added to the error without one."""
    from soulsai_core.cli.runs import killed_start, newest_folder, running_address
    from soulsai_core.node.status.last_status import last_status

    address = running_address(saves)
    if address is not None:
        return address
    folder = newest_folder(saves)
    found = None if folder is None else last_status(folder, time.time())
    last = "" if folder is None or found is None else f" The last one was {folder.path}. {found[1].sentence}"
    start = killed_start(saves, folder)
    raise ConfigError(
        f"No training runs on this machine under {saves}.{last}{start and f' {start}'} "
        f"Give --redis-address, or --saves if the training has another folder.{advice}"
    )


def _text_of(file: Path) -> str:
    from soulsai_core.config.text_file import read_text

    try:
        return read_text(file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"The invitation in {file} cannot be read: {error}.") from None
