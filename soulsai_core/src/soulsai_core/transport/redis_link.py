"""The connection to one Redis server with redis-py: the client, blocking calls, subscriptions, and error messages.

Redis-py neither retries nor checks health here: a call fails once, and its caller decides when to try again.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from soulsai_core.errors import AccessError, ServerFullError, SoulsAIError, TransportError
from soulsai_core.transport.address import Address
from soulsai_core.transport.keys import SERVER

T = TypeVar("T")

SLICE = 0.5
"""Seconds that one command asks the server to wait at most. A longer wait is several commands, so that a broken
connection is noticed."""

RESUBSCRIBED_AFTER = 30.0
"""Seconds of silence after which a subscription is made anew: a connection may be broken without an error."""

REFUSALS = (
    exceptions.AuthenticationError,
    exceptions.AuthorizationError,
    exceptions.AuthenticationWrongNumberOfArgsError,
    exceptions.NoPermissionError,
)


_UNNAMED: dict[str, Any] = (
    {"driver_info": None} if hasattr(redis, "driver_info") else {"lib_name": None, "lib_version": None}
)
"""Keeps redis-py from naming itself to the server, for which it uses a command that a contributor has no right to."""

_UNASKED = "Connection not ready"
"""What redis-py says if there is something to read on a connection that is new."""

_CLOSED = ("max number of clients", "closed by server", "reset by peer", "Broken pipe", "EOF occurred")
"""What errors of connections say that the server closed. Why it did is often lost together with the connection."""

PASSWORD_ADVICE = "Put the one that it was started with into redis.secret, as `requirepass PASSWORD`."


@dataclass(frozen=True, slots=True)
class Tls:
    """Files for rediss://. None stands for the system's own authorities, and for no client certificate.

    Attributes:
        authority: file of the only authority that is trusted.
        authority_text: likewise, as PEM text instead of a file.
    """

    authority: str | None = None
    authority_text: str | None = None
    certificate: str | None = None
    key: str | None = None


def make_client(
    address: Address, *, username: str | None, password: str | None, tls: Tls, patience: float
) -> redis.Redis:
    """A client that connects when first used and gives up after `patience` seconds without an answer."""
    options: dict[str, Any] = {"host": address.host, "port": address.port, "socket_keepalive": True}
    if address.path:
        options = {"unix_socket_path": address.path}
    if address.tls:
        options |= _tls_options(tls)
    if username == SERVER:
        options["redis_connect_func"] = _connect_unevicted
    return redis.Redis(
        db=address.database,
        username=username,
        password=password,
        socket_timeout=patience + SLICE,  # the server may take that long to answer a blocking command
        socket_connect_timeout=patience / 2,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        protocol=2,  # the newer protocol shapes answers differently
        **_UNNAMED,
        **options,
    )


def _connect_unevicted(connection: Any) -> None:
    """Where all connections together take too much memory, the server cuts the largest. The node's own, on which it
    reads what others send, is often the largest and must stay."""
    connection.on_connect()
    connection.send_command("CLIENT", "NO-EVICT", "ON")
    with suppress(exceptions.ResponseError):  # before Redis 7, or without the right
        connection.read_response()


def _tls_options(tls: Tls) -> dict[str, Any]:
    """Host name and chain are always checked, before the password is sent."""
    return {
        "ssl": True,
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_min_version": ssl.TLSVersion.TLSv1_2,
        "ssl_ca_certs": tls.authority,
        "ssl_ca_data": tls.authority_text,
        "ssl_certfile": tls.certificate,
        "ssl_keyfile": tls.key,
    }


def explain(error: Exception, where: str, password_advice: str = PASSWORD_ADVICE) -> SoulsAIError:
    """The error, with a sentence for people, for an error of redis-py. It names the server and repeats no secret.

    Args:
        password_advice: what to do about a password that is missing or refused.
    """
    detail = str(error).strip().rstrip(".")
    server = f"The Redis server at {where}"
    if isinstance(error, REFUSALS) or detail.startswith("DENIED"):
        return AccessError(f"{server} {_refusal(error, detail, password_advice)}")
    if isinstance(error, exceptions.BusyLoadingError):
        return TransportError(f"{server} is still loading its data; it will answer when it is done.")
    if isinstance(error, exceptions.TimeoutError):
        return TransportError(f"{server} did not answer in time ({detail}). Check the network and the server's load.")
    if "CERTIFICATE_VERIFY_FAILED" in detail:
        return TransportError(
            f"{server} shows a certificate that is not trusted here ({detail}). Name its authority in redis.ca_file. "
            "With an invitation, copy its line again to the end, `ca.…`, or ask for a new one."
        )
    if isinstance(error, exceptions.ConnectionError | OSError) and any(words in detail for words in _CLOSED):
        return ServerFullError(
            f"{server} closed the connection ({detail}). It may have too many: try again. If it takes only TLS, its "
            "address begins with rediss://."
        )
    if isinstance(error, exceptions.ConnectionError) and detail == _UNASKED:
        return TransportError(
            f"What answers at {where} is no Redis server, or takes no more connections: it sent something before it "
            "was asked. Check host and port."
        )
    if isinstance(error, exceptions.ConnectionError | OSError):
        return TransportError(
            f"No Redis server answers at {where} ({detail}). Start it, or check address and firewall."
        )
    if isinstance(error, exceptions.OutOfMemoryError):
        return TransportError(f"{server} has no memory left ({detail}). Raise its maxmemory, or bound streams lower.")
    if isinstance(error, exceptions.InvalidResponse):
        return TransportError(f"What answers at {where} is no Redis server ({detail}). Check host and port.")
    return TransportError(f"{server} answered with an error: {detail}.")


def _refusal(error: Exception, detail: str, password_advice: str) -> str:
    if isinstance(error, exceptions.NoPermissionError):
        return (
            f"does not allow this user a command ({detail}). Ask its administrator for the right. If `soulsai "
            "init` of an older version made its users, `soulsai init --renew-users` gives it."
        )
    if detail.startswith("DENIED"):
        return "takes no connections from other machines, because it has no password. Set one there (requirepass)."
    if "required" in detail:
        return f"wants a password, and none was given. {password_advice}"
    if "without any password" in detail:
        return "has no password, but one was given. Set it there (requirepass), or give none."
    return f"refuses the user or password that was given. {password_advice}"


class Link:
    """The connection to one server, for calls from any thread until `close`."""

    def __init__(self, client: redis.Redis, where: str, password_advice: str = PASSWORD_ADVICE) -> None:
        self.client: Any = client
        self._where = where
        self._password_advice = password_advice
        self._closed = threading.Event()

    @contextmanager
    def explaining_errors(self) -> Iterator[None]:
        """Turn errors of redis-py into ours. Any error of a call that `close` has interrupted is a TransportError."""
        self._check_open()
        try:
            yield
        except Exception as error:
            # First: what a connection raises that we have closed says nothing about the server.
            self._check_open()
            if isinstance(error, exceptions.RedisError | OSError):
                raise explain(error, self._where, self._password_advice) from error
            raise
        finally:
            # A call that was under way during `close` may have opened a connection since.
            if self._closed.is_set():
                self._disconnect()

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """A pipeline whose commands take effect together, or not at all."""
        with self.explaining_errors():
            pipe = self.client.pipeline(transaction=True)
            yield pipe
            pipe.execute()

    def wait(self, timeout: float, attempt: Callable[[float], T | None]) -> T | None:
        """The first answer of `attempt(seconds)` that is not None, or None when `timeout` seconds are over."""
        deadline = time.monotonic() + timeout
        while True:
            with self.explaining_errors():
                answer = attempt(min(SLICE, max(0.0, deadline - time.monotonic())))
            if answer is not None or time.monotonic() >= deadline:
                return answer

    def close(self) -> None:
        """Close all connections. Calls of other threads end with TransportError."""
        self._closed.set()
        self._disconnect()

    def _disconnect(self) -> None:
        with suppress(exceptions.RedisError, OSError):
            self.client.connection_pool.disconnect(inuse_connections=True)

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise TransportError(f"The connection to the Redis server at {self._where} has been closed.")


class Subscription:
    """Messages of one channel, over a connection of its own, for one thread. After an error it subscribes anew."""

    def __init__(self, client: redis.Redis, channel: str) -> None:
        self._pool = client.connection_pool
        self._channel = channel
        self._connection: Any = None
        self._last_message = 0.0

    def newest(self, seconds: float) -> bytes | None:
        """The newest of the messages that have come, None if none comes within `seconds`."""
        try:
            if self._connection is None:
                self._subscribe()
            message = self._drain(seconds)
        except BaseException:
            self._drop()
            raise
        if time.monotonic() - self._last_message > RESUBSCRIBED_AFTER:
            self._drop()
        return message

    def _subscribe(self) -> None:
        self._connection = self._pool.get_connection()
        self._connection.send_command("SUBSCRIBE", self._channel)
        self._connection.read_response()
        self._last_message = time.monotonic()

    def _drain(self, seconds: float) -> bytes | None:
        message = None
        while self._connection.can_read(0 if message is not None else seconds):
            message = self._connection.read_response()[2]
            self._last_message = time.monotonic()
        return message

    def _drop(self) -> None:
        connection = self._connection
        self._connection = None
        if connection is not None:
            connection.disconnect()
            self._pool.release(connection)
