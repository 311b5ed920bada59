"""The interface of transports. It is public and changes only together with API_VERSION."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Entry(NamedTuple):
    """One entry of a stream. Ids grow in the order of the stream."""

    id: str
    payload: bytes


class Transport(ABC):
    """Moves bytes between the training node, clients and the command line. It does not look into payloads.

    Methods may be called from several threads. All raise TransportError if trying again may help, AccessError if the
    server refused. Time-outs are in seconds; a call with one blocks until there is something to return or the time is
    over. `after` is the id of the last entry already seen, "" for the beginning.

    Attributes:
        client_prefix: the text that ids of clients over this transport must begin with, "" if they are free.
    """

    client_prefix = ""

    # -- the training node's side
    @abstractmethod
    def clear(self) -> None:
        """Remove all that an earlier training left: samples, episodes, model, progress, config, status, commands.
        Clients stay on the roster, and the lease stays."""

    def take_lease(self, payload: bytes, seconds: float, *, force: bool = False) -> tuple[bytes, float] | None:
        """Take or renew the lease of the run for `seconds`, which says that one node trains it.

        Args:
            payload: names the node.
            force: take it from any other node.

        Returns: None if the lease is ours now. Otherwise the payload of its holder, and the seconds since that renewed
        it. A transport without leases gives one to everyone.
        """
        return None

    def release_lease(self, payload: bytes) -> None:  # noqa: B027 - a transport without leases has nothing to do
        """Give the lease back, if it is this node's."""

    @abstractmethod
    def announce(self, config: bytes) -> None:
        """Store the announcement, which clients read before they start."""

    @abstractmethod
    def publish(self, iteration: int, payload: bytes, progress: bytes) -> None:
        """Store the model (iteration and payload together) and the progress, and wake all `wait_progress`."""

    @abstractmethod
    def publish_evaluation(self, iteration: int, payload: bytes) -> None:
        """Store the model that is evaluated, iteration and payload together."""

    @abstractmethod
    def publish_progress(self, progress: bytes) -> None:
        """Store the progress and wake all `wait_progress`."""

    @abstractmethod
    def read_samples(self, after: str, count: int, timeout: float) -> list[Entry]:
        """Up to `count` sample messages after an id, in order."""

    @abstractmethod
    def release_samples(self, last: str) -> None:
        """Remove the sample messages up to and including `last`."""

    @abstractmethod
    def backlog(self) -> int:
        """Number of sample messages that are not yet released."""

    @abstractmethod
    def read_episodes(self, after: str, count: int, timeout: float) -> list[Entry]:
        """Up to `count` episode reports after an id, in order. Reading removes nothing."""

    @abstractmethod
    def roster(self) -> dict[str, tuple[float, bytes]]:
        """client -> (seconds since its last heartbeat by the server's clock, its last info)."""

    @abstractmethod
    def remove_client(self, client: str) -> None:
        """Remove a client from the roster."""

    @abstractmethod
    def read_commands(self, timeout: float) -> list[bytes]:
        """Take all waiting commands. Each is delivered to one reader."""

    def read_requests(self) -> list[bytes]:
        """Take all waiting commands of users that may only ask for checkpoints. Does not block."""
        return []

    @abstractmethod
    def reply(self, command: str, payload: bytes) -> None:
        """Answer the command with this id."""

    @abstractmethod
    def write_status(self, payload: bytes) -> None:
        """Store the node's status."""

    # -- the client's side
    @abstractmethod
    def read_config(self) -> bytes | None:
        """The announcement, None before there is one."""

    @abstractmethod
    def read_progress(self) -> bytes | None:
        """The newest progress, None before there is one."""

    @abstractmethod
    def wait_progress(self, timeout: float) -> bytes | None:
        """The progress that is published next, None after the time-out. A wake-up may be lost, so call `read_progress`
        after a None. To be called from one thread only."""

    @abstractmethod
    def read_model(self, newer_than: int) -> tuple[int, bytes] | None:
        """Iteration and payload of the newest model, None if there is none newer."""

    @abstractmethod
    def read_evaluation(self, newer_than: int) -> tuple[int, bytes] | None:
        """Iteration and payload of the model that is evaluated, None if there is none newer."""

    @abstractmethod
    def push_samples(self, payloads: Sequence[bytes]) -> None:
        """Append sample messages, in order. Beyond the stream's bound the oldest are dropped."""

    @abstractmethod
    def push_episodes(self, payloads: Sequence[bytes]) -> None:
        """Append episode reports, in order."""

    @abstractmethod
    def heartbeat(self, client: str, info: bytes) -> None:
        """Store the client's info on the roster, with the time of the server's clock."""

    # -- the command line's side
    @abstractmethod
    def command(
        self, command: str, payload: bytes, timeout: float, give_up: Callable[[], bool] = lambda: False
    ) -> bytes | None:
        """Send a command with this id and wait for the answer; None, and the command is withdrawn, if none came in
        time, or once `give_up()`, which is asked several times a second, is true."""

    @abstractmethod
    def read_status(self) -> tuple[float, bytes] | None:
        """Seconds since the node wrote its last status, by the server's clock, and that status; None without one."""

    @abstractmethod
    def close(self) -> None:
        """Close all connections. Blocking calls of other threads end with TransportError."""
