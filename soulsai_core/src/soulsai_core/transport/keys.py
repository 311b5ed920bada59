"""Names in the server, and what each kind of user may do with them.

A contributor may append to one stream of its own, read what clients need, and nothing else. What it wrote comes from
nobody else, and the training node moves what is in order into the run's own streams.
"""

from __future__ import annotations

import re

from soulsai_core.errors import ConfigError

SERVER = "server"
TELEMETRY = "telemetry"
HEALTH = "health"

SAMPLES = b"s"
EPISODE = b"e"
HEARTBEAT = b"h"
FAREWELL = b"q"
"""Fields of the entries in a contributor's stream: what kind of thing it is."""

AT = "@"
"""Stands between a contributor's name and the rest of its clients' ids; no host's name has one."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?")
_NOTHING = ("resetkeys", "resetchannels", "-@all")
_READ_BY_CLIENTS = ("config", "progress", "model")
_READ_BY_TELEMETRY = ("config", "status", "episodes", "clients", "infos")


def prefix(run: str) -> str:
    """What all keys of a run begin with."""
    return f"soulsai:{run}:"


def stream_of(run: str, name: str) -> str:
    """The one key that a contributor may write to."""
    return f"{prefix(run)}from:{name}"


def user_of(run: str, name: str) -> str:
    """A contributor's user name in the server."""
    return f"{run}:{name}"


def contributor_of(client: str) -> str:
    """Whose client this is; "" for one that has the server's own password."""
    name, at, _ = client.partition(AT)
    return name if at else ""


def checked_name(name: str) -> str:
    """The name, if a contributor may have it. Raises ConfigError: a name becomes part of keys and rules."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"A contributor cannot be named {name!r}: take 1 to 32 small letters, digits, '-' or '_', the first and "
            "the last a letter or digit."
        )
    return name


def contributor_rules(run: str, name: str, password_hash: str) -> list[str]:
    """Arguments of ACL SETUSER after the name. `password_hash` is SHA-256 in hexadecimal digits."""
    return [
        "reset", "on", f"#{password_hash}", *_NOTHING,
        f"%W~{stream_of(run, checked_name(name))}", "+xadd",
        *(f"%R~{prefix(run)}{key}" for key in _READ_BY_CLIENTS), "+get", "+hget", "+hmget",
        f"&{prefix(run)}wake", "+subscribe", "+unsubscribe",
        "+ping",
    ]  # fmt: skip


def contributor_line(run: str, name: str, password_hash: str) -> str:
    """A contributor in the server's file of users."""
    return f"user {user_of(run, name)} {' '.join(contributor_rules(run, name, password_hash)[1:])}\n"


def server_rules(password_hash: str) -> list[str]:
    """The training node's user, which also invites and revokes. It cannot reconfigure, flush or stop the server."""
    return [
        "on", f"#{password_hash}", "resetkeys", "resetchannels", "~soulsai:*", "&soulsai:*",
        "+@all", "-@admin", "-@dangerous", "-@scripting",
        "+acl|setuser", "+acl|deluser", "+acl|users", "+acl|save", "+client|kill", "+info",
    ]  # fmt: skip


def telemetry_rules(password_hash: str) -> list[str]:
    """Reads what is shown, and asks the node for saves."""
    return [
        "on", f"#{password_hash}", *_NOTHING,
        *(f"%R~soulsai:*:{key}" for key in _READ_BY_TELEMETRY),
        "+get", "+xread", "+time", "+zrange", "+hgetall", "+multi", "+exec", "+discard",
        "%W~soulsai:*:requests", "+xadd", "+xdel", "~soulsai:*:reply:*", "+lpop", "+blpop",
        "+ping",
    ]  # fmt: skip


def users_file(server_hash: str, telemetry_hash: str) -> str:
    """The server's file of users before anybody is invited. Nobody gets in without a name but to ask for a sign of
    life."""
    users = {
        "default": ["off", *_NOTHING],
        HEALTH: ["on", "nopass", *_NOTHING, "+ping"],
        SERVER: server_rules(server_hash),
        TELEMETRY: telemetry_rules(telemetry_hash),
    }
    return "".join(f"user {name} {' '.join(rules)}\n" for name, rules in users.items())
