"""What a transport does. Public: it changes only together with API_VERSION."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from soulsai_core.contributors.inbox import Inboxes


class Entry(NamedTuple):
    """One entry of a stream. Ids grow, and compare as the transport orders them."""

    id: str
    payload: bytes


class Transport(ABC):
    """Moves bytes between node, clients and the command line; knows nothing of what they mean.

    Methods may be called from several threads. All raise TransportError where trying again may help, AccessError where
    the server refused. Time-outs are in seconds; a reading call blocks until there is something or the time is over.
    `after` is the id of the last entry already seen, "" for the beginning.

    Attributes:
        contributor: the name under which this party was invited, "" for one that has the server's own password.
    """

    contributor = ""

    # -- the training node's side
    @abstractmethod
    def clear(self) -> None:
        """Forget everything of an earlier training: samples, episodes, model, progress, config, status, commands.
        Clients stay on the roster."""

    @abstractmethod
    def announce(self, config: bytes) -> None:
        """Publish what clients need to know before they start."""

    @abstractmethod
    def publish(self, iteration: int, payload: bytes, progress: bytes) -> None:
        """Store the model, iteration and payload as one, store the progress, and wake whoever waits."""

    @abstractmethod
    def publish_progress(self, progress: bytes) -> None:
        """Store the progress and wake whoever waits."""

    @abstractmethod
    def read_samples(self, after: str, count: int, timeout: float) -> list[Entry]:
        """Up to `count` sample messages after an id, in order."""

    @abstractmethod
    def release_samples(self, last: str) -> None:
        """Forget the sample messages up to and including `last`."""

    @abstractmethod
    def backlog(self) -> int:
        """Sample messages that are not yet released."""

    @abstractmethod
    def read_episodes(self, after: str, count: int, timeout: float) -> list[Entry]:
        """Up to `count` episode reports after an id, in order. Reading removes nothing."""

    @abstractmethod
    def roster(self) -> dict[str, tuple[float, bytes]]:
        """client -> (seconds since its last heartbeat by the server's clock, its last info)."""

    @abstractmethod
    def remove_client(self, client: str) -> None:
        """Strike a client off the roster."""

    @abstractmethod
    def read_commands(self, timeout: float) -> list[bytes]:
        """Take commands off the queue: each is delivered to one reader."""

    def read_requests(self) -> list[bytes]:
        """Likewise, from parties that may ask for saves only; does not wait."""
        return []

    @abstractmethod
    def reply(self, command: str, payload: bytes) -> None:
        """Answer the command with this id."""

    @abstractmethod
    def write_status(self, payload: bytes) -> None:
        """Store the node's status for whoever looks."""

    def inboxes(self) -> Inboxes | None:
        """Where contributors hand in what they send; None where there are none."""
        return None

    # -- the client's side
    @abstractmethod
    def read_config(self) -> bytes | None:
        """What the node announced, None if nothing yet."""

    @abstractmethod
    def read_progress(self) -> bytes | None:
        """The newest progress, None if nothing yet."""

    @abstractmethod
    def wait_progress(self, timeout: float) -> bytes | None:
        """Block until progress is published, None after the time-out. A wake-up may be lost, so poll with
        `read_progress` after a None. One thread only."""

    @abstractmethod
    def read_model(self, newer_than: int) -> tuple[int, bytes] | None:
        """Iteration and payload of the newest model, None if there is none newer."""

    @abstractmethod
    def push_samples(self, payloads: Sequence[bytes]) -> None:
        """Append sample messages, in order. The oldest are dropped where the stream's bound is passed."""

    @abstractmethod
    def push_episode(self, payload: bytes) -> None:
        """Append an episode report."""

    @abstractmethod
    def heartbeat(self, client: str, info: bytes) -> None:
        """Say that the client is there, by the server's clock."""

    # -- the command line's side
    @abstractmethod
    def command(self, command: str, payload: bytes, timeout: float) -> bytes | None:
        """Send a command with this id and wait for the answer, None if none came in time."""

    @abstractmethod
    def read_status(self) -> bytes | None:
        """The node's last status, None if there is none."""

    @abstractmethod
    def close(self) -> None:
        """Give up all connections. Other threads' blocking calls end with TransportError."""
