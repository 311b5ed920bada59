"""`soulsai invite`: one line with which a contributor joins."""

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
    """The contributor's name, and the server's address as the contributor reaches it."""
    parser.add_argument("name", metavar="NAME", help="name of the contributor: lower-case letters, digits, '-' and '_'")
    parser.add_argument(
        "--host",
        metavar="HOST[:PORT]",
        help=f"the server as contributors reach it (default: ${HOST}, else the address used here)",
    )
    parser.add_argument(
        "--no-ca",
        action="store_true",
        help=(
            "leave the certificate authority out of the invitation: the server, or the proxy before it, has a "
            "certificate that the contributors' systems trust"
        ),
    )
    add_connection_arguments(parser, reads_config=True)


def run(args: argparse.Namespace) -> int:
    """Print the line, alone on standard output so that it can be piped; advice goes to standard error."""
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
        f"Send this line to {args.name} over a channel that you trust: it lets its holder join, and is shown only once."
    )
    if authority is not None:
        advice += f"\nFingerprint of the server's authority (SHA-256): {fingerprint(authority)}"
    print(advice, file=sys.stderr)
    return 0


def _public_address(given: str | None, settings: RedisSettings, environ: Mapping[str, str]) -> str:
    """The server's address for the contributor. Raises ConfigError if it can be reached from this machine alone, or
    without TLS over a public network."""
    from soulsai_core.transport.address import DEFAULT_PORT, parse_address
    from soulsai_core.transport.exposure import refuse_exposed

    # The host may reach the server through localhost or a private address that contributors cannot use.
    ours = parse_address(settings.address or "")
    public = given or environ.get(HOST)
    if public is None and ours.path:
        raise ConfigError(f"Contributors cannot reach the socket {ours}: give --host.")
    if public is None:
        reached = str(ours)
    else:
        named = parse_address(public)
        port = int(environ.get(PORT) or DEFAULT_PORT) if given is None or not _has_port(given) else named.port
        reached = str(_with_port(named, port))
    address = f"{'rediss' if ours.tls else 'redis'}://{reached}"
    refuse_exposed(parse_address(address), "an invitation has one", private=settings.private_networks)
    return address


def _has_port(text: str) -> bool:
    return text.rpartition("]")[2].count(":") == 1


def _with_port(address: Address, port: int) -> Address:
    from dataclasses import replace

    return replace(address, port=port)


def _authority(settings: RedisSettings) -> str | None:
    return None if settings.ca_file is None else Path(settings.ca_file).read_text(encoding="ascii")
