"""Names of contributors in the Redis server, and the rights of each kind of user (Redis ACL rules).

A contributor may append to one stream of its own, read what clients need, and nothing else. So the server itself
guarantees who sent what is in a stream. The training node moves what it accepts into the run's own streams.
"""

from __future__ import annotations

import re

from soulsai_core.errors import ConfigError
from soulsai_core.messages import AT
from soulsai_core.transport.keys import SERVER, TELEMETRY, prefix

DEFAULT = "default"
"""The server's user for connections that name none."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?")
_NOTHING = ("resetkeys", "resetchannels", "-@all")
_READ_BY_CLIENTS = ("config", "progress", "model", "evaluation")
_READ_BY_TELEMETRY = ("config", "status", "episodes", "clients", "infos", "contributors")


def stream_of(run: str, name: str) -> str:
    """The key of a contributor's stream, the only one that it may write to."""
    return f"{prefix(run)}from:{name}"


def user_of(run: str, name: str) -> str:
    """A contributor's user name in the server."""
    return f"{run}:{name}"


def contribution_of(run: str, name: str) -> str:
    """The key of a contributor's own numbers, which it may read."""
    return f"{prefix(run)}contribution:{name}"


def client_prefix(name: str) -> str:
    """The beginning of the ids of this contributor's clients."""
    return name + AT


def checked_name(name: str) -> str:
    """The name, if a contributor may have it, else ConfigError.

    The name becomes part of keys and rules, so it must hold none of their special characters.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"A contributor cannot be named {name!r}: use 1 to 32 lower-case letters, digits, '-' or '_', the first "
            "and the last a letter or digit."
        )
    return name


def contributor_rules(run: str, name: str, password_hash: str) -> list[str]:
    """Arguments of ACL SETUSER after the name. `password_hash` is SHA-256 in hexadecimal digits."""
    return [
        "reset", "on", f"#{password_hash}", *_NOTHING,
        f"%W~{stream_of(run, checked_name(name))}", "+xadd",
        *(f"%R~{prefix(run)}{key}" for key in _READ_BY_CLIENTS), f"%R~{contribution_of(run, name)}", "+get", "+hget",
        f"&{prefix(run)}wake", "+subscribe", "+unsubscribe",
        "+ping",
    ]  # fmt: skip


def contributor_line(run: str, name: str, password_hash: str) -> str:
    """A contributor's line in the server's file of users."""
    _, *rules = contributor_rules(run, name, password_hash)  # a file of users has no "reset": nothing is set before
    return f"user {user_of(run, name)} {' '.join(rules)}\n"


def server_rules(password_hash: str) -> list[str]:
    """Rights of the training node, which also invites and revokes. It cannot reconfigure, flush or stop the server."""
    return [
        "on", f"#{password_hash}", "resetkeys", "resetchannels", "~soulsai:*", "&soulsai:*",
        "+@all", "-@admin", "-@dangerous", "-@scripting",
        "+acl|setuser", "+acl|deluser", "+acl|users", "+acl|save", "+info",
        "+client|kill", "+client|list", "+client|no-evict",
    ]  # fmt: skip


def telemetry_rules(password_hash: str) -> list[str]:
    """Rights of telemetry: it reads what it shows, and asks the node for checkpoints."""
    return [
        "on", f"#{password_hash}", *_NOTHING,
        *(f"%R~soulsai:*:{key}" for key in _READ_BY_TELEMETRY),
        "+get", "+pttl", "+xread", "+time", "+zrange", "+hgetall", "+multi", "+exec", "+discard",
        "%W~soulsai:*:requests", "+xadd", "+xdel", "~soulsai:*:reply:*", "+lpop", "+blpop",
        "+ping",
    ]  # fmt: skip


def default_rules() -> list[str]:
    """Without a user name nothing is allowed."""
    return ["off", *_NOTHING]


def users_file(server_hash: str, telemetry_hash: str) -> str:
    """The server's file of users without any contributor.

    No user is without a password, not even one that may only ping: Redis bounds the commands of connections that have
    not authenticated (10 words of 16 kB), and lifts the bound for all others. Health checks take its answer NOAUTH.
    """
    users = {
        DEFAULT: default_rules(),
        SERVER: server_rules(server_hash),
        TELEMETRY: telemetry_rules(telemetry_hash),
    }
    return "".join(f"user {name} {' '.join(rules)}\n" for name, rules in users.items())
