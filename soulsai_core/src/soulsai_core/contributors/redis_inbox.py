"""The contributors' inboxes and its keys in a Redis server, version 7 or newer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.exceptions import ResponseError

from soulsai_core.contributors.inbox import Delivery, Inboxes, InboxSize, Message
from soulsai_core.transport.keys import prefix, stream_of, user_of
from soulsai_core.transport.limits import EPISODE_LIMIT, StreamLimits
from soulsai_core.transport.redis_link import Link

FIELD = b"p"


class RedisInboxes(Inboxes):
    """Uses the training node's own connection, whose user may see all keys of the run."""

    def __init__(self, link: Link, run: str, limits: StreamLimits) -> None:
        self._link = link
        self._client: Any = link.client
        self._run = run
        self._prefix = prefix(run)
        self.limits = limits

    def contributors(self) -> list[str]:
        """The server's users are the truth: they survive where the rest of its memory does not."""
        with self._link.guard():
            try:
                users = [user.decode() if isinstance(user, bytes) else user for user in self._client.acl_users()]
            except ResponseError:
                return []  # a server without users, or a user without the right: nobody can have been invited
        begin = user_of(self._run, "")
        return sorted(user.removeprefix(begin) for user in users if user.startswith(begin))

    def size(self, names: Sequence[str]) -> tuple[InboxSize, dict[str, InboxSize]]:
        keys = [self._key("samples"), *(stream_of(self._run, name) for name in names)]
        with self._link.guard():
            pipe = self._client.pipeline(transaction=False)
            for key in keys:
                pipe.xlen(key)
                pipe.memory_usage(key, samples=0)  # 0 counts all of them
            counts = iter(pipe.execute())
        main, *others = [InboxSize(entries, size or 0) for entries, size in zip(counts, counts, strict=True)]
        return main, dict(zip(names, others, strict=True))

    def read(self, names: Sequence[str], count: int, timeout: float) -> dict[str, list[Message]]:
        streams = {stream_of(self._run, name): "0" for name in names}

        def attempt(seconds: float) -> dict[str, list[Message]] | None:
            answer = self._client.xread(streams, count=count, block=max(1, int(seconds * 1000)))
            begin = len(stream_of(self._run, ""))
            return {key.decode()[begin:]: [_parcel(*entry) for entry in entries] for key, entries in answer or ()}

        return self._link.wait(timeout, lambda seconds: attempt(seconds) or None) or {}

    def deliver(self, delivery: Delivery) -> None:
        now = self._now() if delivery.heartbeats else 0.0
        with self._link.transaction() as pipe:
            for payload in delivery.samples:
                pipe.xadd(self._key("samples"), {FIELD: payload}, maxlen=self.limits.max_entries, approximate=False)
            for payload in delivery.episodes:
                pipe.xadd(self._key("episodes"), {FIELD: payload}, maxlen=EPISODE_LIMIT, approximate=True)
            for client, info in delivery.heartbeats.items():
                pipe.zadd(self._key("clients"), {client: now})
                pipe.hset(self._key("infos"), client, info)
            for client in delivery.farewells:
                pipe.zrem(self._key("clients"), client)
                pipe.hdel(self._key("infos"), client)
            for name, identifiers in delivery.done.items():
                pipe.xdel(stream_of(self._run, name), *identifiers)

    def discard(self, name: str) -> int:
        key = stream_of(self._run, name)
        with self._link.guard():
            pipe = self._client.pipeline(transaction=True)
            pipe.xlen(key)
            pipe.unlink(key)  # not trimmed: an id that leaves no room for a next one goes, too
            return pipe.execute()[0]

    def suspend(self, name: str) -> None:
        self._switch(name, "off")
        with self._link.guard():
            self._client.execute_command("CLIENT", "KILL", "USER", user_of(self._run, name))

    def restore(self, name: str) -> None:
        self._switch(name, "on")

    def write_statistics(self, payload: bytes) -> None:
        with self._link.guard():
            self._client.set(self._key("contributors"), payload)

    def read_statistics(self) -> bytes | None:
        with self._link.guard():
            return self._client.get(self._key("contributors"))

    def _switch(self, name: str, state: str) -> None:
        """SETUSER would make a user that is not there any more."""
        if name in self.contributors():
            with self._link.guard():
                self._client.execute_command("ACL", "SETUSER", user_of(self._run, name), state)

    def _now(self) -> float:
        with self._link.guard():
            seconds, microseconds = self._client.time()
        return seconds + microseconds / 1e6

    def _key(self, name: str) -> str:
        return self._prefix + name


def _parcel(identifier: bytes, fields: Sequence[bytes] | None) -> Message:
    """An entry with one field; one with several is of no kind."""
    fields = fields or ()
    kind, payload = fields if len(fields) == 2 else (b"", b"")
    return Message(identifier.decode(), kind, payload, sum(map(len, fields)))
