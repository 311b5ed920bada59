"""The transport over a Redis or Valkey server, version 6 or newer: the keys and the commands on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

from soulsai_core.contracts import Entry, Transport
from soulsai_core.transport.address import parse_address
from soulsai_core.transport.keys import TELEMETRY, prefix
from soulsai_core.transport.limits import COMMAND_LIMIT, EPISODE_LIMITS, StreamLimits
from soulsai_core.transport.redis_link import PASSWORD_ADVICE, Link, Subscription, Tls, make_client
from soulsai_core.transport.slices import slices

if TYPE_CHECKING:
    import redis

REPLY_LIFE = 60
"""Seconds after which the server forgets the answer to a command whose sender no longer waits for it."""

_STATUS_LIFE = 365 * 86400
"""Seconds after which the server forgets the last status of a node. How much of them is left tells the status's age."""

FIELD = b"p"
"""Name of the one field, the payload, that each entry of the run's own streams has."""


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
        password, username: take precedence over those in the address.
        patience: seconds after which a server that does not answer counts as unreachable.

    Raises ConfigError for text that is no address.
    """
    server = parse_address(address)
    username = username or server.username
    password = password or server.password
    client = make_client(server, username=username, password=password, tls=tls or Tls(), patience=patience)
    # Telemetry may ask for checkpoints only, and the server lets it write to no other stream.
    command_stream = "requests" if username == TELEMETRY else "commands"
    return RedisTransport(client, run, where=str(server), limits=limits, command_stream=command_stream)


class RedisTransport(Transport):
    """The methods of `Transport` as commands to a server. All keys begin with `soulsai:<run>:`.

    Args:
        client: answers in bytes and by protocol 2, without retries of its own, as made by `make_client`.
        where: names the server in error messages.
        command_stream: the stream that `command` writes to, "commands" or "requests".
        password_advice: what to do when the server refuses the password.

    Attributes:
        link: the connection, for further commands to the same server.
        limits: bound of the sample stream.
    """

    def __init__(
        self,
        client: redis.Redis,
        run: str,
        *,
        where: str,
        limits: StreamLimits | None = None,
        command_stream: str = "commands",
        password_advice: str = PASSWORD_ADVICE,
    ) -> None:
        self.run = run
        self.limits = limits if limits is not None else StreamLimits()
        self.link = Link(client, where, password_advice)
        self._prefix = prefix(run)
        self._command_stream = command_stream
        self._client: Any = client
        self._wake = Subscription(client, self._key("wake"))
        # Entries stay as the server sends them: the shape that redis-py gives them depends on its version.
        client.set_response_callback("XREAD", lambda response, **_: response)

    def check(self) -> None:
        """Connect now. Raises TransportError if no server answers, AccessError if it refuses user or password."""
        with self.link.explaining_errors():
            self._client.ping()

    def server_facts(self) -> dict[str, Any]:
        """What the server says of its version, its memory and its time (seconds since 1970), by the names of INFO."""
        with self.link.explaining_errors():
            facts = {**self._client.info("server"), **self._client.info("memory")}
            seconds, microseconds = self._client.time()
        return {**facts, "time": seconds + microseconds / 1e6}

    # -- the training node's side
    def clear(self) -> None:
        with self.link.transaction() as pipe:
            for stream in ("samples", "episodes", "commands", "requests"):
                # Emptied rather than deleted: the stream remembers its last id, so ids go on growing even if the
                # server's clock is set back. Readers that hold an old id would else miss new entries.
                pipe.xtrim(self._key(stream), maxlen=0, approximate=False)
            pipe.delete(*(self._key(name) for name in ("model", "evaluation", "progress", "config", "status")))

    def take_lease(self, payload: bytes, seconds: float, *, force: bool = False) -> tuple[bytes, float] | None:
        key = self._key("lease")
        milliseconds = int(seconds * 1000)
        with self.link.explaining_errors():
            if self._client.set(key, payload, px=milliseconds, nx=not force):
                return None
            holder = self._client.get(key)
            # No lock is held between the two commands. If another node took the lease meanwhile, the next renewal
            # shows it.
            if holder is None or holder == payload:
                self._client.set(key, payload, px=milliseconds)
                return None
            return holder, max(seconds - self._client.pttl(key) / 1000, 0.0)

    def release_lease(self, payload: bytes) -> None:
        key = self._key("lease")
        with self.link.explaining_errors():
            if self._client.get(key) == payload:
                self._client.delete(key)

    def announce(self, config: bytes) -> None:
        self._set("config", config)

    def publish(self, iteration: int, payload: bytes, progress: bytes) -> None:
        with self.link.transaction() as pipe:
            pipe.hset(self._key("model"), mapping={"iteration": iteration, "payload": payload})
            pipe.set(self._key("progress"), progress)
            pipe.publish(self._key("wake"), progress)

    def publish_evaluation(self, iteration: int, payload: bytes) -> None:
        with self.link.explaining_errors():
            self._client.hset(self._key("evaluation"), mapping={"iteration": iteration, "payload": payload})

    def publish_progress(self, progress: bytes) -> None:
        with self.link.transaction() as pipe:
            pipe.set(self._key("progress"), progress)
            pipe.publish(self._key("wake"), progress)

    def read_samples(self, after: str, count: int, timeout: float) -> list[Entry]:
        return self._read("samples", after, count, timeout)

    def release_samples(self, last: str) -> None:
        milliseconds, number = last.split("-")
        with self.link.explaining_errors():
            try:
                self._client.xtrim(self._key("samples"), minid=f"{milliseconds}-{int(number) + 1}", approximate=False)
            except ResponseError as error:
                if "syntax" not in str(error):
                    raise
                self._release_in_parts(last)

    def _release_in_parts(self, last: str) -> None:
        """Release in servers before 6.2, which cannot trim by id."""
        key = self._key("samples")
        while entries := self._client.xrange(key, "-", last, count=100):
            self._client.xdel(key, *(entry for entry, _ in entries))

    def backlog(self) -> int:
        with self.link.explaining_errors():
            return self._client.xlen(self._key("samples"))

    def read_episodes(self, after: str, count: int, timeout: float) -> list[Entry]:
        return self._read("episodes", after, count, timeout)

    def roster(self) -> dict[str, tuple[float, bytes]]:
        with self.link.explaining_errors():
            pipe = self._client.pipeline(transaction=True)
            pipe.time()
            pipe.zrange(self._key("clients"), 0, -1, withscores=True)
            pipe.hgetall(self._key("infos"))
            now, beats, infos = pipe.execute()
        # If the server's clock was set back, a heartbeat from before it is as old as it seems to be in the future.
        ages = {client: abs(_seconds(now) - beat) for client, beat in beats}
        return {client.decode(): (age, infos[client]) for client, age in ages.items() if client in infos}

    def remove_client(self, client: str) -> None:
        with self.link.transaction() as pipe:
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
        with self.link.explaining_errors():
            pipe = self._client.pipeline(transaction=False)
            for entry in entries:
                pipe.xdel(self._key(stream), entry.id)
            deleted = pipe.execute()
        # Another reader, or the sender after its time-out, may have deleted an entry first; it is then not ours.
        return [entry.payload for entry, ours in zip(entries, deleted, strict=True) if ours]

    def reply(self, command: str, payload: bytes) -> None:
        key = self._key(f"reply:{command}")
        with self.link.transaction() as pipe:
            pipe.lpush(key, payload)
            pipe.expire(key, REPLY_LIFE)

    def write_status(self, payload: bytes) -> None:
        with self.link.explaining_errors():
            self._client.set(self._key("status"), payload, px=_STATUS_LIFE * 1000)

    # -- the client's side
    def read_config(self) -> bytes | None:
        return self._get("config")

    def read_progress(self) -> bytes | None:
        return self._get("progress")

    def wait_progress(self, timeout: float) -> bytes | None:
        return self.link.wait(timeout, self._wake.newest)

    def read_model(self, newer_than: int) -> tuple[int, bytes] | None:
        return self._read_newer("model", newer_than)

    def read_evaluation(self, newer_than: int) -> tuple[int, bytes] | None:
        return self._read_newer("evaluation", newer_than)

    def _read_newer(self, name: str, newer_than: int) -> tuple[int, bytes] | None:
        """Iteration and payload of a model, None if there is none newer."""
        key = self._key(name)
        with self.link.explaining_errors():
            # The iteration alone first: most calls end here, and a payload may have megabytes.
            stored = self._client.hget(key, "iteration")
            if stored is None or int(stored) <= newer_than:
                return None
            # Both in one command: between two of them the node could publish another model.
            iteration, payload = self._client.hmget(key, ["iteration", "payload"])
        return (int(iteration), payload) if payload is not None else None

    def push_samples(self, payloads: Sequence[bytes]) -> None:
        self._push("samples", payloads, self.limits, approximate=False)

    def push_episodes(self, payloads: Sequence[bytes]) -> None:
        self._push("episodes", payloads, EPISODE_LIMITS, approximate=True)

    def _push(self, name: str, payloads: Sequence[bytes], limits: StreamLimits, *, approximate: bool) -> None:
        with self.link.explaining_errors():
            # One alone is the usual case, in which a pipeline would take twice as long.
            single = len(payloads) == 1
            client = self._client if single else self._client.pipeline(transaction=False)
            for payload in payloads:
                bound = limits.entries(len(payload))
                client.xadd(self._key(name), {FIELD: payload}, maxlen=bound, approximate=approximate)
            if not single:
                client.execute()

    def heartbeat(self, client: str, info: bytes) -> None:
        with self.link.explaining_errors():
            now = self._client.time()
        with self.link.transaction() as pipe:
            pipe.zadd(self._key("clients"), {client: _seconds(now)})
            pipe.hset(self._key("infos"), client, info)

    # -- the command line's side
    def command(
        self, command: str, payload: bytes, timeout: float, give_up: Callable[[], bool] = lambda: False
    ) -> bytes | None:
        key = self._key(self._command_stream)
        reply = self._key(f"reply:{command}")
        with self.link.explaining_errors():
            entry = self._client.xadd(key, {FIELD: payload}, maxlen=COMMAND_LIMIT, approximate=False)
        answer = None
        for seconds in slices(timeout):
            answer = self.link.wait(seconds, lambda left: self._pop(reply, left))
            if answer is not None or give_up():
                break
        if answer is None:
            # Withdrawn, so that no node obeys a command later whose sender has given up.
            with self.link.explaining_errors():
                self._client.xdel(key, entry)
        return answer

    def read_status(self) -> tuple[float, bytes] | None:
        key = self._key("status")
        with self.link.explaining_errors():
            pipe = self._client.pipeline(transaction=True)
            pipe.get(key)
            pipe.pttl(key)
            payload, left = pipe.execute()
        return None if payload is None else (max(_STATUS_LIFE - left / 1000, 0.0), payload)

    def close(self) -> None:
        self.link.close()

    # -- helpers
    def _key(self, name: str) -> str:
        return self._prefix + name

    def _get(self, name: str) -> bytes | None:
        with self.link.explaining_errors():
            return self._client.get(self._key(name))

    def _set(self, name: str, value: bytes) -> None:
        with self.link.explaining_errors():
            self._client.set(self._key(name), value)

    def _read(self, name: str, after: str, count: int, timeout: float) -> list[Entry]:
        stream = {self._key(name): after or "0"}

        def attempt(seconds: float) -> list[Entry] | None:
            block = max(1, int(seconds * 1000)) if seconds > 0 else None  # the server takes 0 for "without end"
            answer = self._client.xread(stream, count=count, block=block)
            return [Entry(entry.decode(), fields[1]) for entry, fields in answer[0][1]] if answer else None

        return self.link.wait(timeout, attempt) or []

    def _pop(self, key: str, seconds: float) -> bytes | None:
        if seconds <= 0:
            return self._client.lpop(key)
        answer = self._client.blpop([key], timeout=max(0.01, seconds))  # the server takes 0 for "without end"
        return answer[1] if answer else None


def _seconds(time: tuple[int, int]) -> float:
    return time[0] + time[1] / 1e6
