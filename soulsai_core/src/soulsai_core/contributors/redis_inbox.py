"""The inboxes of contributors in a Redis server, version 7 or newer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from redis.exceptions import ResponseError

from soulsai_core.contributors.connections import Connection, OpenConnections
from soulsai_core.contributors.inbox import Delivery, Inboxes, InboxSize, Message
from soulsai_core.contributors.rules import contribution_of, stream_of, user_of
from soulsai_core.contributors.statistics import Contribution, decode_statistics
from soulsai_core.transport.contract import Transport
from soulsai_core.transport.keys import SERVER, prefix
from soulsai_core.transport.limits import EPISODE_LIMITS, StreamLimits
from soulsai_core.transport.redis import FIELD, RedisTransport
from soulsai_core.transport.redis_link import Link

_SIZES = ("qbuf", "qbuf-free", "argv-mem", "multi-mem", "rbs", "omem", "tot-mem")
_CONNECTION = re.compile(
    r"^id=(\d+) .*? age=(\d+) " + "".join(rf".*?\b{name}=(\d+) " for name in _SIZES) + r".*?\buser=(\S+)", re.MULTILINE
)
"""What a line of CLIENT LIST says: id, age in seconds, sizes in bytes, and the user. One expression for all lines, as
there may be thousands."""

_POINTER = 8
_WORD = 40
"""Bytes for each word of an unfinished command, in addition to its characters: those that Redis counts, and those that
it takes without counting them (measured with version 7.0, words of one character)."""

_NOBODY = "default"
"""The user of connections that have not authenticated. Those who have no user name are refused."""


def inboxes_of(transport: RedisTransport) -> RedisInboxes:
    """The inboxes of the transport's run, over its connection. Its user must see all keys of the run."""
    return RedisInboxes(transport.link, transport.run, transport.limits)


def contributions_of(transport: Transport) -> dict[str, Contribution]:
    """What each contributor has contributed to the transport's run, by name; empty if there are no contributors.

    Raises TransportError if the server is away, AccessError if its file of users is older than this right.
    """
    payload = inboxes_of(transport).read_statistics() if isinstance(transport, RedisTransport) else None
    return decode_statistics(payload) if payload else {}


def own_contribution(transport: Transport, name: str) -> Contribution | None:
    """What this contributor has contributed, by its own connection; None before the first look of the node.

    Raises as `contributions_of` does.
    """
    if not isinstance(transport, RedisTransport):
        return None
    with transport.link.explaining_errors():
        payload: bytes | None = transport.link.client.get(contribution_of(transport.run, name))
    return msgspec.json.decode(payload, type=Contribution) if payload else None


class RedisInboxes(Inboxes):
    """Inboxes over the training node's own connection."""

    def __init__(self, link: Link, run: str, limits: StreamLimits) -> None:
        self.limits = limits
        self._link = link
        self._client: Any = link.client
        self._run = run
        self._prefix = prefix(run)
        self._sees_connections = link.client.connection_pool.connection_kwargs.get("username") == SERVER

    def contributors(self) -> list[str]:
        # The server's users are the only list of who is invited: they survive where the rest of its memory does not.
        with self._link.explaining_errors():
            try:
                users = [user.decode() if isinstance(user, bytes) else user for user in self._client.acl_users()]
            except ResponseError:
                return []  # a server without users, or a user without the right: no one can have been invited
        begin = user_of(self._run, "")
        return sorted(user.removeprefix(begin) for user in users if user.startswith(begin))

    def size(self, names: Sequence[str]) -> tuple[InboxSize, dict[str, InboxSize]]:
        keys = [self._key("samples"), *(stream_of(self._run, name) for name in names)]
        with self._link.explaining_errors():
            pipe = self._client.pipeline(transaction=False)
            for key in keys:
                pipe.xlen(key)
                # 0 means all entries. By default the server measures five, which a contributor could make small ones.
                pipe.memory_usage(key, samples=0)
            counts = iter(pipe.execute())
        main, *others = [InboxSize(entries, size or 0) for entries, size in zip(counts, counts, strict=True)]
        return main, dict(zip(names, others, strict=True))

    def read(self, names: Sequence[str], count: int, timeout: float) -> dict[str, list[Message]]:
        # Always from the beginning: what was read is removed by `deliver`, and what was not delivered is read again.
        streams = {stream_of(self._run, name): "0" for name in names}
        begin = len(stream_of(self._run, ""))

        def attempt(seconds: float) -> dict[str, list[Message]] | None:
            answer = self._client.xread(streams, count=count, block=max(1, int(seconds * 1000)))
            return {key.decode()[begin:]: [_message(*entry) for entry in entries] for key, entries in answer or ()}

        return self._link.wait(timeout, lambda seconds: attempt(seconds) or None) or {}

    def deliver(self, delivery: Delivery) -> None:
        now = self._now() if delivery.heartbeats else 0.0
        with self._link.transaction() as pipe:
            for payload in delivery.samples:
                pipe.xadd(self._key("samples"), {FIELD: payload}, maxlen=self.limits.max_entries, approximate=False)
            for payload in delivery.episodes:
                bound = EPISODE_LIMITS.entries(len(payload))
                pipe.xadd(self._key("episodes"), {FIELD: payload}, maxlen=bound, approximate=True)
            for client, info in delivery.heartbeats.items():
                pipe.zadd(self._key("clients"), {client: now})
                pipe.hset(self._key("infos"), client, info)
            for name, identifiers in delivery.done.items():
                pipe.xdel(stream_of(self._run, name), *identifiers)

    def discard(self, name: str) -> int:
        key = stream_of(self._run, name)
        with self._link.explaining_errors():
            pipe = self._client.pipeline(transaction=True)
            pipe.xlen(key)
            # Removed rather than trimmed: a contributor may choose the largest id that there is, and no entry could
            # follow it in the same stream.
            pipe.unlink(key)
            return pipe.execute()[0]

    def suspend(self, name: str) -> None:
        self._switch(name, "off")
        with self._link.explaining_errors():
            self._client.execute_command("CLIENT", "KILL", "USER", user_of(self._run, name))

    def restore(self, name: str) -> None:
        self._switch(name, "on")

    def read_progress(self) -> bytes | None:
        with self._link.explaining_errors():
            return self._client.get(self._key("progress"))

    def connections(self) -> OpenConnections | None:
        if not self._sees_connections:
            return None  # a server without users, where all connections look the same
        with self._link.explaining_errors():
            try:
                answer: bytes = self._client.execute_command("CLIENT", "LIST")
            except ResponseError:
                return None  # the file of users is older than this right
        return self._sorted(answer.decode(errors="replace"))

    def _sorted(self, lines: str) -> OpenConnections:
        begin = user_of(self._run, "")
        found = OpenConnections({}, [])
        for identifier, age, *sizes, user in _CONNECTION.findall(lines):
            connection = _connection(int(identifier), int(age), *map(int, sizes))
            if user == _NOBODY:
                found.strangers.append(connection)
            elif user.startswith(begin):
                found.contributors.setdefault(user.removeprefix(begin), []).append(connection)
        return found

    def cut_strangers(self) -> None:
        with self._link.explaining_errors():
            self._client.execute_command("CLIENT", "KILL", "USER", _NOBODY)

    def cut(self, connections: Sequence[int]) -> None:
        with self._link.explaining_errors():
            pipe = self._client.pipeline(transaction=False)
            for identifier in connections:
                pipe.execute_command("CLIENT", "KILL", "ID", identifier)
            pipe.execute()

    def write_statistics(self, payload: bytes, own: Mapping[str, bytes]) -> None:
        with self._link.explaining_errors():
            keys = {contribution_of(self._run, name): numbers for name, numbers in own.items()}
            self._client.mset({self._key("contributors"): payload, **keys})

    def read_statistics(self) -> bytes | None:
        with self._link.explaining_errors():
            return self._client.get(self._key("contributors"))

    def _switch(self, name: str, state: str) -> None:
        # ACL SETUSER makes a user that does not exist, so that a revoked contributor would be back.
        if name in self.contributors():
            with self._link.explaining_errors():
                self._client.execute_command("ACL", "SETUSER", user_of(self._run, name), state)

    def _now(self) -> float:
        """Seconds since 1970 by the server's clock, by which the age of heartbeats is measured."""
        with self._link.explaining_errors():
            seconds, microseconds = self._client.time()
        return seconds + microseconds / 1e6

    def _key(self, name: str) -> str:
        return self._prefix + name


def _connection(
    identifier: int, age: int, query: int, free: int, words: int, queued: int, reply: int, output: int, total: int
) -> Connection:
    """A connection by the sizes that the server reports. Many short words take far more than these: the number of words
    is estimated, since only their pointers are left of the total without all other parts."""
    count = max(total - query - free - words - queued - reply - output, 0) // _POINTER
    return Connection(identifier, age, words, count, total + count * _WORD)


def _message(identifier: bytes, fields: Sequence[bytes] | None) -> Message:
    """An entry of a contributor's stream. One that has not exactly one field gets a kind that is always rejected."""
    fields = fields or ()
    kind, payload = fields if len(fields) == 2 else (b"", b"")
    return Message(identifier.decode(), kind, payload, sum(map(len, fields)), len(fields) // 2)
