"""Opens transports to a real server. Each has had an answer from the server before it is returned."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from soulsai_core.config import read_secret
from soulsai_core.config.models import RedisSettings
from soulsai_core.contracts import Transport
from soulsai_core.errors import AccessError, ConfigError, ServerFullError
from soulsai_core.transport import StreamLimits
from soulsai_core.transport.address import parse_address
from soulsai_core.transport.exposure import refuse_exposed

if TYPE_CHECKING:
    from soulsai_core.contributors.invitation import Invitation
    from soulsai_core.transport.redis import RedisTransport

_PATIENCE = 30.0
_PAUSE = 0.02
"""Seconds for which a connection is tried again while the server has too many, and seconds between two attempts."""


def open_transport(settings: RedisSettings, run: str) -> RedisTransport:
    """A transport to the configured server, with the password from the environment or the secret file. A server at a
    unix socket is asked first whether it needs one."""
    if settings.address is None:
        raise ConfigError("redis.address is null, and only `soulsai train` starts a server of its own: set it.")
    limits = StreamLimits(settings.max_backlog_entries, int(settings.max_backlog_mb * 2**20))
    password = read_secret(settings.secret_file)
    if password is not None and parse_address(settings.address).path:
        # The server of `soulsai train` has none: its socket lies in a folder of this user. The secret is another one's.
        with suppress(AccessError):
            return connect_to(settings.address, run, None, limits)
    return connect_to(settings.address, run, password, limits, settings.ca_file, settings.private_networks)


def connect_to(
    address: str,
    run: str,
    password: str | None,
    limits: StreamLimits | None = None,
    ca_file: str | None = None,
    private_networks: Sequence[str] = (),
) -> RedisTransport:
    """A transport to the server at `address`.

    Raises ConfigError for a public address without TLS or without a password, TransportError if nothing answers.
    """
    # Not at the top: the client of Redis takes long to import, and who imports this module may not connect.
    from soulsai_core.transport.redis import connect
    from soulsai_core.transport.redis_link import Tls

    parsed = parse_address(address)
    refuse_exposed(parsed, password or parsed.password, private=private_networks)
    if ca_file is not None and not Path(ca_file).is_file():
        raise ConfigError(f"redis.ca_file: there is no file {ca_file}.")
    transport = connect(address, run, password=password, limits=limits, tls=Tls(authority=ca_file))
    _check_patiently(transport)
    return transport


def _check_patiently(transport: RedisTransport) -> None:
    """Connect. Where strangers take all places, the node cuts them several times a second: the host gets a place soon,
    although others try, too."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return transport.check()
        except ServerFullError as error:
            if time.monotonic() > deadline:
                raise ServerFullError(
                    f"{error} All its places have been taken for {_PATIENCE:.0f} s. A training node would cut "
                    "connections that give no password: start one, or let only this machine in for a while (in the "
                    "stack with SOULSAI_REDIS_BIND=127.0.0.1 in .env and `docker compose up -d redis`)."
                ) from None
            time.sleep(_PAUSE)


def accept(invitation: Invitation, private_networks: Sequence[str] = ()) -> Transport:
    """A transport with the rights of the contributor who was invited."""
    from soulsai_core.contributors.transport import connect_contributor
    from soulsai_core.transport.redis_link import Tls

    refuse_exposed(parse_address(invitation.address), invitation.password, private=private_networks)
    tls = Tls(authority_text=invitation.authority)
    transport = connect_contributor(invitation.address, invitation.run, invitation.name, invitation.password, tls)
    transport.check()
    return transport
