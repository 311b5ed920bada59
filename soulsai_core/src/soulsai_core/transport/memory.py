"""The transport within one process: for tests, and as the simplest implementation of the contract."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from soulsai_core.contracts import Entry, Transport
from soulsai_core.errors import TransportError
from soulsai_core.transport.limits import COMMAND_LIMIT, EPISODE_LIMITS, StreamLimits
from soulsai_core.transport.slices import slices

T = TypeVar("T")


class _Stream:
    """Entries with the numbers `first` .. `end` - 1, counted from 1. The oldest are removed first."""

    def __init__(self) -> None:
        self.first = 1
        self.end = 1
        self._payloads: dict[int, bytes] = {}

    def __len__(self) -> int:
        return self.end - self.first

    def append(self, payload: bytes, limit: int) -> None:
        self._payloads[self.end] = payload
        self.end += 1
        self.drop_before(self.end - limit)

    def read(self, after: str, count: int) -> list[Entry]:
        start = max(self.first, int(after or 0) + 1)
        return [Entry(f"{n:020d}", self._payloads[n]) for n in range(start, min(self.end, start + count))]

    def drop_before(self, number: int) -> None:
        while self.first < min(number, self.end):
            del self._payloads[self.first]
            self.first += 1


class MemoryServer:
    """The state of one run, shared by several MemoryTransport.

    Args:
        clock: seconds, for the times of heartbeats.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.changed = threading.Condition()
        self.samples = _Stream()
        self.episodes = _Stream()
        self.model: tuple[int, bytes] | None = None
        self.evaluation: tuple[int, bytes] | None = None
        self.config: bytes | None = None
        self.lease: tuple[bytes, float, float] | None = None
        self.status: tuple[float, bytes] | None = None
        self.progress: bytes | None = None
        self.message = b""
        self.message_count = 0
        self.clients: dict[str, tuple[float, bytes]] = {}
        self.commands: dict[int, bytes] = {}
        self.command_count = 0
        self.replies: dict[str, list[bytes]] = {}


class MemoryTransport(Transport):
    """A connection to a MemoryServer. Closing it leaves others open."""

    def __init__(self, server: MemoryServer | None = None, limits: StreamLimits | None = None) -> None:
        self._server = server if server is not None else MemoryServer()
        self._limits = limits if limits is not None else StreamLimits()
        self._messages_seen: int | None = None
        self._closed = False

    @contextmanager
    def _access(self) -> Iterator[MemoryServer]:
        """Hold the server's lock for a change, then wake all threads that wait for one."""
        with self._server.changed:
            self._check_open()
            yield self._server
            self._server.changed.notify_all()

    def _wait(self, timeout: float, attempt: Callable[[MemoryServer], T]) -> T:
        """The first true answer of `attempt`, or its last one when `timeout` seconds are over."""
        with self._server.changed:
            self._server.changed.wait_for(lambda: self._closed or self._peek(attempt), max(0.0, timeout))
            self._check_open()
            return attempt(self._server)

    def _peek(self, attempt: Callable[[MemoryServer], T]) -> bool:
        return bool(attempt(self._server))

    def _check_open(self) -> None:
        if self._closed:
            raise TransportError("This transport has been closed.")

    # -- the training node's side
    def clear(self) -> None:
        with self._access() as server:
            for stream in (server.samples, server.episodes):
                stream.drop_before(stream.end)
            server.model = server.evaluation = server.progress = server.config = server.status = None
            server.commands.clear()

    def take_lease(self, payload: bytes, seconds: float, *, force: bool = False) -> tuple[bytes, float] | None:
        with self._access() as server:
            now = server.clock()
            if server.lease is not None and not force:
                holder, renewed, end = server.lease
                if holder != payload and now < end:
                    return holder, now - renewed
            server.lease = (payload, now, now + seconds)
            return None

    def release_lease(self, payload: bytes) -> None:
        with self._access() as server:
            if server.lease is not None and server.lease[0] == payload:
                server.lease = None

    def announce(self, config: bytes) -> None:
        with self._access() as server:
            server.config = config

    def publish(self, iteration: int, payload: bytes, progress: bytes) -> None:
        with self._access() as server:
            server.model = (iteration, payload)
            self.publish_progress(progress)

    def publish_evaluation(self, iteration: int, payload: bytes) -> None:
        with self._access() as server:
            server.evaluation = (iteration, payload)

    def publish_progress(self, progress: bytes) -> None:
        with self._access() as server:
            server.progress = server.message = progress
            server.message_count += 1

    def read_samples(self, after: str, count: int, timeout: float) -> list[Entry]:
        return self._wait(timeout, lambda server: server.samples.read(after, count))

    def release_samples(self, last: str) -> None:
        with self._access() as server:
            server.samples.drop_before(int(last) + 1)

    def backlog(self) -> int:
        with self._access() as server:
            return len(server.samples)

    def read_episodes(self, after: str, count: int, timeout: float) -> list[Entry]:
        return self._wait(timeout, lambda server: server.episodes.read(after, count))

    def roster(self) -> dict[str, tuple[float, bytes]]:
        with self._access() as server:
            now = server.clock()
            return {client: (abs(now - seen), info) for client, (seen, info) in server.clients.items()}

    def remove_client(self, client: str) -> None:
        with self._access() as server:
            server.clients.pop(client, None)

    def read_commands(self, timeout: float) -> list[bytes]:
        # The lock is reentrant, and held from the answer to the removal, so that each command has one reader.
        with self._server.changed:
            payloads = self._wait(timeout, lambda server: list(server.commands.values()))
            self._server.commands.clear()
            return payloads

    def reply(self, command: str, payload: bytes) -> None:
        with self._access() as server:
            server.replies.setdefault(command, []).append(payload)

    def write_status(self, payload: bytes) -> None:
        with self._access() as server:
            server.status = (server.clock(), payload)

    # -- the client's side
    def read_config(self) -> bytes | None:
        with self._access() as server:
            return server.config

    def read_progress(self) -> bytes | None:
        with self._access() as server:
            return server.progress

    def wait_progress(self, timeout: float) -> bytes | None:
        with self._server.changed:
            # As with a subscription, the first call hears only what follows, later ones also what came in between.
            seen = self._server.message_count if self._messages_seen is None else self._messages_seen
            self._messages_seen = seen
            woken = self._wait(timeout, lambda server: server.message_count > seen)
            self._messages_seen = self._server.message_count
            return self._server.message if woken else None

    def read_model(self, newer_than: int) -> tuple[int, bytes] | None:
        with self._access() as server:
            return server.model if server.model is not None and server.model[0] > newer_than else None

    def read_evaluation(self, newer_than: int) -> tuple[int, bytes] | None:
        with self._access() as server:
            return server.evaluation if server.evaluation is not None and server.evaluation[0] > newer_than else None

    def push_samples(self, payloads: Sequence[bytes]) -> None:
        with self._access() as server:
            for payload in payloads:
                server.samples.append(payload, self._limits.entries(len(payload)))

    def push_episodes(self, payloads: Sequence[bytes]) -> None:
        with self._access() as server:
            for payload in payloads:
                server.episodes.append(payload, EPISODE_LIMITS.entries(len(payload)))

    def heartbeat(self, client: str, info: bytes) -> None:
        with self._access() as server:
            server.clients[client] = (server.clock(), info)

    # -- the command line's side
    def command(
        self, command: str, payload: bytes, timeout: float, give_up: Callable[[], bool] = lambda: False
    ) -> bytes | None:
        with self._server.changed:
            ticket = self._send(payload)
        for seconds in slices(timeout):
            with self._server.changed:
                replies = self._wait(seconds, lambda server: server.replies.get(command))
                if replies:
                    return replies.pop()
            if give_up():
                break
        with self._server.changed:
            self._server.commands.pop(ticket, None)
            return None

    def _send(self, payload: bytes) -> int:
        with self._access() as server:
            server.command_count += 1
            server.commands[server.command_count] = payload
            if len(server.commands) > COMMAND_LIMIT:
                del server.commands[min(server.commands)]
            return server.command_count

    def read_status(self) -> tuple[float, bytes] | None:
        with self._access() as server:
            if server.status is None:
                return None
            written, payload = server.status
            return server.clock() - written, payload

    def close(self) -> None:
        with self._server.changed:
            self._closed = True
            self._server.changed.notify_all()
