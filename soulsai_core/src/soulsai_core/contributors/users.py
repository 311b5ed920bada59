"""The server's users: inviting a contributor, and putting one out."""

from __future__ import annotations

from typing import Any

from redis.exceptions import ResponseError

from soulsai_core.errors import ConfigError
from soulsai_core.transport.keys import AT, checked_name, contributor_rules, prefix, stream_of, user_of
from soulsai_core.transport.passwords import new_password, password_hash
from soulsai_core.transport.redis import RedisTransport


class Users:
    """The contributors of a run, through a user that may make users."""

    def __init__(self, transport: RedisTransport) -> None:
        self._link = transport._link
        self._client: Any = transport._client
        self._run = transport.run
        self._inboxes = transport.inboxes()

    def names(self) -> list[str]:
        """Who is invited."""
        return self._inboxes.contributors()

    def invite(self, name: str) -> str:
        """Make a user; returns its password, which is kept nowhere else.

        Raises ConfigError if the name is taken or no name, or if the server would forget the user.
        """
        if checked_name(name) in self.names():
            raise ConfigError(f"{name} is invited already. To give a new credential, revoke {name} first.")
        password = new_password()
        with self._link.guard():
            rules = contributor_rules(self._run, name, password_hash(password))
            self._setuser(user_of(self._run, name), rules)
            self._client.delete(stream_of(self._run, name))
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
        """Put a contributor out: its connections are cut, and what it sent and was not yet looked at is forgotten.

        Raises ConfigError if nobody of that name is invited.
        """
        if checked_name(name) not in self.names():
            raise ConfigError(f"Nobody named {name} is invited to the run {self._run}: {self._others()}.")
        user = user_of(self._run, name)
        with self._link.transaction() as pipe:
            pipe.execute_command("ACL", "SETUSER", user, "off")
            pipe.execute_command("CLIENT", "KILL", "USER", user)
            pipe.execute_command("ACL", "DELUSER", user)
            pipe.unlink(stream_of(self._run, name))
        with self._link.guard():
            self._client.execute_command("ACL", "SAVE")
            self._strike_off(name)

    def _others(self) -> str:
        return f"there are {', '.join(self.names())}" if self.names() else "nobody is"

    def _setuser(self, user: str, rules: list[str]) -> None:
        try:
            self._client.execute_command("ACL", "SETUSER", user, *rules)
        except ResponseError as error:
            if "%" not in str(error) and "syntax" not in str(error).lower():
                raise
            raise ConfigError(f"The server cannot tell reading from writing ({error}): it must be Redis 7.") from None

    def _strike_off(self, name: str) -> None:
        clients = f"{prefix(self._run)}clients"
        infos = f"{prefix(self._run)}infos"
        theirs = [c for c in self._client.zrange(clients, 0, -1) if c.startswith(f"{name}{AT}".encode())]
        if theirs:
            self._client.zrem(clients, *theirs)
            self._client.hdel(infos, *theirs)
