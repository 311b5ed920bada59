"""Where contributors hand in what they send, as the training node sees it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from soulsai_core.transport.limits import StreamLimits


class Message(NamedTuple):
    """One entry of a contributor's stream. `kind` is one of the fields in `keys`, or anything else; `size` counts all
    of the entry's bytes."""

    id: str
    kind: bytes
    payload: bytes
    size: int


class InboxSize(NamedTuple):
    """What lies in a stream, in entries and in bytes of the server's memory."""

    entries: int
    bytes: int


@dataclass(slots=True)
class Delivery:
    """What was found in order, to be moved into the run's own streams, and the messages that are dealt with."""

    samples: list[bytes] = field(default_factory=list)
    episodes: list[bytes] = field(default_factory=list)
    heartbeats: dict[str, bytes] = field(default_factory=dict)
    farewells: list[str] = field(default_factory=list)
    done: dict[str, list[str]] = field(default_factory=dict)


class Inboxes(ABC):
    """Knows nothing of what the bytes mean. Raises as transports do. Names are those of contributors.

    Attributes:
        limits: the bound of the run's own sample stream.
    """

    limits: StreamLimits

    @abstractmethod
    def contributors(self) -> list[str]:
        """Who is invited."""

    @abstractmethod
    def size(self, names: Sequence[str]) -> tuple[InboxSize, dict[str, InboxSize]]:
        """What waits in the run's own sample stream, and in the stream of each of these."""

    @abstractmethod
    def read(self, names: Sequence[str], count: int, timeout: float) -> dict[str, list[Message]]:
        """The first messages of each, `count` of each at most; blocks until there is one or the time is over."""

    @abstractmethod
    def deliver(self, delivery: Delivery) -> None:
        """Move what is in order and forget what is done, together or not at all."""

    @abstractmethod
    def discard(self, name: str) -> int:
        """Empty a stream; returns how many messages that were."""

    @abstractmethod
    def suspend(self, name: str) -> None:
        """Cut this contributor's connections, and let it in no more until `restore`."""

    @abstractmethod
    def restore(self, name: str) -> None:
        """Let it in again."""

    @abstractmethod
    def write_statistics(self, payload: bytes) -> None:
        """Store what is known of the contributors, for whoever looks."""

    @abstractmethod
    def read_statistics(self) -> bytes | None:
        """What was stored last."""
