"""`soulsai invite`: one line that lets somebody join."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from soulsai_core.cli.connection import add_connection_arguments, connect_from, connection_of
from soulsai_core.errors import ConfigError

if TYPE_CHECKING:
    from soulsai_core.config import RedisSettings
    from soulsai_core.transport.address import Address

HOST = "SOULSAI_PUBLIC_HOST"
PORT = "SOULSAI_PUBLIC_PORT"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Who, and where the player finds the server."""
    parser.add_argument("name", metavar="NAME", help="small letters, digits, '-' and '_'")
    parser.add_argument(
        "--host", metavar="HOST[:PORT]", help=f"where players reach the server (default: ${HOST}, else as we do)"
    )
    parser.add_argument(
        "--no-ca", action="store_true", help="players meet a certificate that their systems trust, such as a proxy's"
    )
    add_connection_arguments(parser, reads_config=True)


def run(args: argparse.Namespace) -> int:
    """Print the line, and nothing else on standard output."""
    from soulsai_core.contributors.invitation import Invitation, fingerprint
    from soulsai_core.contributors.users import Users

    settings, run_name, _ = connection_of(args)
    address = _public_address(args.host, settings, os.environ)
    authority = _authority(settings) if address.startswith("rediss") and not args.no_ca else None
    transport = connect_from(args)
    try:
        password = Users(transport).invite(args.name)
    finally:
        transport.close()
    print(Invitation(address, run_name, args.name, password, authority).line(), flush=True)
    advice = (
        f"Send this line to {args.name} by a way that you trust: whoever has it can join, and it is not shown again."
    )
    if authority is not None:
        advice += f"\nFingerprint of the server's authority (SHA-256): {fingerprint(authority)}"
    print(advice, file=sys.stderr)
    return 0


def _public_address(given: str | None, settings: RedisSettings, environ: Mapping[str, str]) -> str:
    """Where the player finds the server. Raises ConfigError where nobody else could, or everybody listen."""
    from soulsai_core.transport.address import DEFAULT_PORT, parse_address
    from soulsai_core.transport.exposure import refuse_exposed

    ours = parse_address(settings.address or "")
    public = given or environ.get(HOST)
    if public is None and ours.path:
        raise ConfigError(f"Players cannot reach the socket {ours}: give --host.")
    if public is None:
        there = str(ours)
    else:
        named = parse_address(public)
        port = int(environ.get(PORT) or DEFAULT_PORT) if given is None or not _has_port(given) else named.port
        there = str(_at(named, port))
    address = f"{'rediss' if ours.tls else 'redis'}://{there}"
    refuse_exposed(parse_address(address), "an invitation has one")
    return address


def _has_port(text: str) -> bool:
    return text.rpartition("]")[2].count(":") == 1


def _at(place: Address, port: int) -> Address:
    from dataclasses import replace

    return replace(place, port=port)


def _authority(settings: RedisSettings) -> str | None:
    return None if settings.ca_file is None else Path(settings.ca_file).read_text(encoding="ascii")
