"""The server's users: inviting and revoking contributors."""

from __future__ import annotations

from typing import Any

from redis.exceptions import ResponseError

from soulsai_core.contributors.passwords import new_password, password_hash
from soulsai_core.contributors.redis_inbox import inboxes_of
from soulsai_core.contributors.rules import (
    checked_name,
    client_prefix,
    contribution_of,
    contributor_rules,
    stream_of,
    user_of,
)
from soulsai_core.errors import ConfigError
from soulsai_core.transport.keys import prefix
from soulsai_core.transport.redis import RedisTransport


class Users:
    """The contributors of the transport's run. The transport's user must have the right to make users."""

    def __init__(self, transport: RedisTransport) -> None:
        self._link = transport.link
        self._client: Any = transport.link.client
        self._run = transport.run
        self._inboxes = inboxes_of(transport)

    def names(self) -> list[str]:
        """The names of all contributors who are invited."""
        return self._inboxes.contributors()

    def invite(self, name: str) -> str:
        """Make a user for a contributor. Returns its password, of which the server keeps only a hash.

        Raises ConfigError if the name is taken or not allowed, or if the server cannot store its users.
        """
        if checked_name(name) in self.names():
            raise ConfigError(f"{name} is invited already. To give a new credential, revoke {name} first.")
        password = new_password()
        with self._link.explaining_errors():
            rules = contributor_rules(self._run, name, password_hash(password))
            self._set_user(user_of(self._run, name), rules)
            # Someone who had this name before may have left messages, which would count as the new contributor's.
            self._client.delete(stream_of(self._run, name), contribution_of(self._run, name))
            try:
                self._client.execute_command("ACL", "SAVE")
            except ResponseError as error:
                self._client.execute_command("ACL", "DELUSER", user_of(self._run, name))
                raise ConfigError(
                    f"{name} is not invited, because the server cannot keep its users: {error} Start it with an "
                    "aclfile as `soulsai init` writes one, in a folder that the server may write to."
                ) from None
        return password

    def revoke(self, name: str) -> None:
        """Remove a contributor: its connections are cut, and its messages that still wait are removed.

        Raises ConfigError if no contributor of that name is invited.
        """
        if checked_name(name) not in self.names():
            raise ConfigError(f"No contributor named {name} is invited to the run {self._run}: {self._others()}.")
        user = user_of(self._run, name)
        with self._link.transaction() as pipe:
            # Off first: a client that is cut reconnects at once, and must not succeed before its user is gone.
            pipe.execute_command("ACL", "SETUSER", user, "off")
            pipe.execute_command("CLIENT", "KILL", "USER", user)
            pipe.execute_command("ACL", "DELUSER", user)
            pipe.unlink(stream_of(self._run, name), contribution_of(self._run, name))
        with self._link.explaining_errors():
            self._client.execute_command("ACL", "SAVE")
            self._remove_clients(name)

    def _others(self) -> str:
        names = self.names()
        return f"there are {', '.join(names)}" if names else "there are none"

    def _set_user(self, user: str, rules: list[str]) -> None:
        try:
            self._client.execute_command("ACL", "SETUSER", user, *rules)
        except ResponseError as error:
            # Redis 6 knows no separate rights to read and to write a key, which begin with "%".
            if "%" not in str(error) and "syntax" not in str(error).lower():
                raise
            raise ConfigError(f"The server cannot tell reading from writing ({error}): it must be Redis 7.") from None

    def _remove_clients(self, name: str) -> None:
        """Remove the contributor's clients from the roster, so that the node does not wait for their time-out."""
        roster = f"{prefix(self._run)}clients"
        begin = client_prefix(name).encode()
        clients = [client for client in self._client.zrange(roster, 0, -1) if client.startswith(begin)]
        if clients:
            self._client.zrem(roster, *clients)
            self._client.hdel(f"{prefix(self._run)}infos", *clients)
