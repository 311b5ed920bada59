"""The inboxes of contributors, as the training node sees them: one stream for each, in which it leaves its messages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from soulsai_core.contributors.connections import OpenConnections
from soulsai_core.messages import Episode
from soulsai_core.transport.limits import StreamLimits

SAMPLES = b"s"
EPISODE = b"e"
HEARTBEAT = b"h"
"""Kinds of messages: the name of the one field of an entry in a contributor's stream."""


class Message(NamedTuple):
    """One entry of a contributor's stream.

    Attributes:
        kind: SAMPLES, EPISODE or HEARTBEAT if it is in order; the contributor may have sent anything.
        size: bytes of the whole entry.
        fields: of the entry; 1 if it is in order.
    """

    id: str
    kind: bytes
    payload: bytes
    size: int
    fields: int = 1


class InboxSize(NamedTuple):
    """How much waits in a stream, in entries and in bytes of the server's memory."""

    entries: int
    bytes: int


@dataclass(slots=True)
class Delivery:
    """Messages that were inspected.

    Attributes:
        samples: to be moved into the run's own stream, in order.
        episodes: likewise.
        heartbeats: client -> its info.
        completed: contributor -> its complete episodes.
        done: contributor -> ids of its messages that were accepted or rejected; they leave its inbox.
    """

    samples: list[bytes] = field(default_factory=list)
    episodes: list[bytes] = field(default_factory=list)
    heartbeats: dict[str, bytes] = field(default_factory=dict)
    completed: dict[str, list[Episode]] = field(default_factory=dict)
    done: dict[str, list[str]] = field(default_factory=dict)


class Inboxes(ABC):
    """The inboxes of one run. `name` and `names` are those of contributors. Payloads are moved unread. Errors are those
    of transports.

    Attributes:
        limits: the bound of the run's own sample stream.
    """

    limits: StreamLimits

    @abstractmethod
    def contributors(self) -> list[str]:
        """The names of all who are invited."""

    @abstractmethod
    def size(self, names: Sequence[str]) -> tuple[InboxSize, dict[str, InboxSize]]:
        """How much waits in the run's own sample stream, and in the inbox of each of these."""

    @abstractmethod
    def read(self, names: Sequence[str], count: int, timeout: float) -> dict[str, list[Message]]:
        """The first messages of each, `count` of each at most. Blocks until there is one, `timeout` seconds at most."""

    @abstractmethod
    def deliver(self, delivery: Delivery) -> None:
        """Move what was accepted and remove what is done, together or not at all."""

    @abstractmethod
    def discard(self, name: str) -> int:
        """Empty an inbox. Returns the number of messages that were in it."""

    @abstractmethod
    def suspend(self, name: str) -> None:
        """Cut this contributor's connections, and refuse new ones until `restore`."""

    @abstractmethod
    def restore(self, name: str) -> None:
        """Allow this contributor to connect again."""

    @abstractmethod
    def read_progress(self) -> bytes | None:
        """The progress that the node published last, as the clients read it; None before the first."""

    @abstractmethod
    def connections(self) -> OpenConnections | None:
        """All connections to the server, None if it cannot tell whose they are."""

    @abstractmethod
    def cut(self, connections: Sequence[int]) -> None:
        """Close the connections with these ids."""

    @abstractmethod
    def cut_strangers(self) -> None:
        """Close all connections that have not authenticated."""

    @abstractmethod
    def write_statistics(self, payload: bytes, own: Mapping[str, bytes]) -> None:
        """Store the statistics of all contributors, for `soulsai contributors` and telemetry, and for each of them its
        own."""

    @abstractmethod
    def read_statistics(self) -> bytes | None:
        """The statistics stored last, None if there are none."""
