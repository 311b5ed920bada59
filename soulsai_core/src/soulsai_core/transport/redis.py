"""The transport over a Redis or Valkey server, version 6 or newer: which keys there are, and what is done to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

from soulsai_core.contracts import Entry, Transport
from soulsai_core.transport.address import parse_address
from soulsai_core.transport.keys import TELEMETRY, prefix
from soulsai_core.transport.limits import COMMAND_LIMIT, EPISODE_LIMIT, StreamLimits
from soulsai_core.transport.redis_link import Link, Subscription, Tls, make_client

if TYPE_CHECKING:
    import redis

    from soulsai_core.contributors.inbox import Inboxes

REPLY_LIFE = 60
"""Seconds that an answer waits for a caller who may have gone."""

FIELD = b"p"
"""The one field of a stream's entry."""


def connect(
    address: str,
    run: str,
    *,
    password: str | None = None,
    username: str | None = None,
    tls: Tls | None = None,
    limits: StreamLimits | None = None,
    patience: float = 10.0,
) -> RedisTransport:
    """A transport to the server at `address`. It connects when first used; `check` does so at once.

    Args:
        password, username: go before those in the address.
        patience: seconds after which a server that does not answer counts as unreachable.

    Raises:
        ConfigError: the address is none.
    """
    place = parse_address(address)
    username = username or place.username
    password = password or place.password
    client = make_client(place, username=username, password=password, tls=tls or Tls(), patience=patience)
    orders = "requests" if username == TELEMETRY else "commands"
    return RedisTransport(client, run, where=str(place), limits=limits, orders=orders)


class RedisTransport(Transport):
    """The keys lie under `soulsai:<run>:`. Calls are safe from several threads.

    Args:
        client: answers in bytes and by protocol 2, without retries of its own; `connect` makes such a one.
        where: names the server in messages.
        orders: the stream that `command` writes to; "requests" for who may ask for saves only.
    """

    def __init__(
        self,
        client: redis.Redis,
        run: str,
        *,
        where: str,
        limits: StreamLimits | None = None,
        orders: str = "commands",
    ) -> None:
        self.run = run
        self._prefix = prefix(run)
        self._orders = orders
        self._limits = limits if limits is not None else StreamLimits()
        self._link = Link(client, where)
        self._client: Any = client
        self._wake = Subscription(client, self._key("wake"))
        # Entries stay as the server sends them: the shape that redis-py gives them depends on its version.
        client.set_response_callback("XREAD", lambda response, **_: response)

    def check(self) -> None:
        """Raise TransportError where no server answers, AccessError where it does not let us in."""
        with self._link.guard():
            self._client.ping()

    # -- the training node's side
    def clear(self) -> None:
        with self._link.transaction() as pipe:
            for stream in ("samples", "episodes", "commands", "requests"):
                # Emptied rather than deleted: so its ids go on growing, even if the server's clock was put back.
                pipe.xtrim(self._key(stream), maxlen=0, approximate=False)
            pipe.delete(*(self._key(name) for name in ("model", "progress", "config", "status")))

    def announce(self, config: bytes) -> None:
        self._set("config", config)

    def publish(self, iteration: int, payload: bytes, progress: bytes) -> None:
        with self._link.transaction() as pipe:
            pipe.hset(self._key("model"), mapping={"iteration": iteration, "payload": payload})
            pipe.set(self._key("progress"), progress)
            pipe.publish(self._key("wake"), progress)

    def publish_progress(self, progress: bytes) -> None:
        with self._link.transaction() as pipe:
            pipe.set(self._key("progress"), progress)
            pipe.publish(self._key("wake"), progress)

    def read_samples(self, after: str, count: int, timeout: float) -> list[Entry]:
        return self._read("samples", after, count, timeout)

    def release_samples(self, last: str) -> None:
        milliseconds, number = last.split("-")
        with self._link.guard():
            try:
                self._client.xtrim(self._key("samples"), minid=f"{milliseconds}-{int(number) + 1}", approximate=False)
            except ResponseError as error:
                if "syntax" not in str(error):
                    raise
                self._release_in_parts(last)

    def _release_in_parts(self, last: str) -> None:
        """For servers before 6.2, which cannot trim by id."""
        key = self._key("samples")
        while entries := self._client.xrange(key, "-", last, count=100):
            self._client.xdel(key, *(entry for entry, _ in entries))

    def backlog(self) -> int:
        with self._link.guard():
            return self._client.xlen(self._key("samples"))

    def read_episodes(self, after: str, count: int, timeout: float) -> list[Entry]:
        return self._read("episodes", after, count, timeout)

    def roster(self) -> dict[str, tuple[float, bytes]]:
        with self._link.guard():
            pipe = self._client.pipeline(transaction=True)
            pipe.time()
            pipe.zrange(self._key("clients"), 0, -1, withscores=True)
            pipe.hgetall(self._key("infos"))
            now, beats, infos = pipe.execute()
        ages = {client: max(0.0, _seconds(now) - beat) for client, beat in beats}
        return {client.decode(): (age, infos[client]) for client, age in ages.items() if client in infos}

    def remove_client(self, client: str) -> None:
        with self._link.transaction() as pipe:
            pipe.zrem(self._key("clients"), client)
            pipe.hdel(self._key("infos"), client)

    def read_commands(self, timeout: float) -> list[bytes]:
        return self._take("commands", timeout)

    def read_requests(self) -> list[bytes]:
        return self._take("requests", 0)

    def _take(self, stream: str, timeout: float) -> list[bytes]:
        entries = self._read(stream, "", COMMAND_LIMIT, timeout)
        if not entries:
            return []
        with self._link.guard():
            pipe = self._client.pipeline(transaction=False)
            for entry in entries:
                pipe.xdel(self._key(stream), entry.id)
            taken = pipe.execute()
        return [entry.payload for entry, ours in zip(entries, taken, strict=True) if ours]

    def reply(self, command: str, payload: bytes) -> None:
        key = self._key(f"reply:{command}")
        with self._link.transaction() as pipe:
            pipe.lpush(key, payload)
            pipe.expire(key, REPLY_LIFE)

    def write_status(self, payload: bytes) -> None:
        self._set("status", payload)

    def inboxes(self) -> Inboxes:
        from soulsai_core.contributors.redis_inbox import RedisInboxes

        return RedisInboxes(self._link, self.run, self._limits)

    # -- the client's side
    def read_config(self) -> bytes | None:
        return self._get("config")

    def read_progress(self) -> bytes | None:
        return self._get("progress")

    def wait_progress(self, timeout: float) -> bytes | None:
        return self._link.wait(timeout, self._wake.newest)

    def read_model(self, newer_than: int) -> tuple[int, bytes] | None:
        key = self._key("model")
        with self._link.guard():
            stored = self._client.hget(key, "iteration")
            if stored is None or int(stored) <= newer_than:
                return None
            iteration, payload = self._client.hmget(key, ["iteration", "payload"])
        return (int(iteration), payload) if payload is not None else None

    def push_samples(self, payloads: Sequence[bytes]) -> None:
        with self._link.guard():
            if len(payloads) == 1:  # as usual; a pipeline takes twice as long to set up
                self._push_sample(self._client, payloads[0])
                return
            pipe = self._client.pipeline(transaction=False)
            for payload in payloads:
                self._push_sample(pipe, payload)
            pipe.execute()

    def _push_sample(self, line: Any, payload: bytes) -> None:
        bound = self._limits.entries(len(payload))
        line.xadd(self._key("samples"), {FIELD: payload}, maxlen=bound, approximate=False)

    def push_episode(self, payload: bytes) -> None:
        with self._link.guard():
            self._client.xadd(self._key("episodes"), {FIELD: payload}, maxlen=EPISODE_LIMIT, approximate=True)

    def heartbeat(self, client: str, info: bytes) -> None:
        with self._link.guard():
            now = self._client.time()
        with self._link.transaction() as pipe:
            pipe.zadd(self._key("clients"), {client: _seconds(now)})
            pipe.hset(self._key("infos"), client, info)

    # -- the command line's side
    def command(self, command: str, payload: bytes, timeout: float) -> bytes | None:
        key = self._key(self._orders)
        box = self._key(f"reply:{command}")
        with self._link.guard():
            entry = self._client.xadd(key, {FIELD: payload}, maxlen=COMMAND_LIMIT, approximate=False)
        answer = self._link.wait(timeout, lambda seconds: self._pop(box, seconds))
        if answer is None:
            with self._link.guard():
                self._client.xdel(key, entry)
        return answer

    def read_status(self) -> bytes | None:
        return self._get("status")

    def close(self) -> None:
        self._link.close()

    # -- parts
    def _key(self, name: str) -> str:
        return self._prefix + name

    def _get(self, name: str) -> bytes | None:
        with self._link.guard():
            return self._client.get(self._key(name))

    def _set(self, name: str, value: bytes) -> None:
        with self._link.guard():
            self._client.set(self._key(name), value)

    def _read(self, name: str, after: str, count: int, timeout: float) -> list[Entry]:
        stream = {self._key(name): after or "0"}

        def attempt(seconds: float) -> list[Entry] | None:
            block = max(1, int(seconds * 1000)) if seconds > 0 else None
            answer = self._client.xread(stream, count=count, block=block)
            return [Entry(entry.decode(), fields[1]) for entry, fields in answer[0][1]] if answer else None

        return self._link.wait(timeout, attempt) or []

    def _pop(self, key: str, seconds: float) -> bytes | None:
        if seconds <= 0:
            return self._client.lpop(key)
        answer = self._client.blpop([key], timeout=max(0.01, seconds))
        return answer[1] if answer else None


def _seconds(time: tuple[int, int]) -> float:
    return time[0] + time[1] / 1e6
