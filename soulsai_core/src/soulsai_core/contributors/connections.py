"""Bounds of the connections to the server: of all those of a contributor together, and of strangers, who have not
authenticated.

The server bounds each connection, and the memory of all of them together. Whose connections take it is judged here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from soulsai_core.config import ContributorSettings

_STRANGER_AGE = 10.0
"""Seconds in which a new connection must authenticate. TLS and one round trip take less than one."""

_MAX_STRANGERS = 256
"""Connections that may be about to authenticate at the same time."""

CROWD = 1024
"""With more strangers than this, all are cut with one command. To choose among them would take the server longer, and a
client that has a password connects again."""

_MAX_OFFENSES = 3
_MEMORY = 60.0
"""A contributor whose connections had to be cut three times in this many seconds is suspended."""

_FLOOD = 1.5
"""A contributor whose connections take this many times the allowed memory is suspended at once."""

_MAX_WORDS = 2**16
"""A command that has more words, and has not arrived completely, is no mistake: those of clients have fewer than 16. It
is an estimate from the sizes that the server reports, hence the margin."""


class Connection(NamedTuple):
    """One connection to the server.

    Attributes:
        age: seconds.
        command_bytes: of the words of a command that has not arrived completely.
        command_words: their number, estimated.
        bytes: all memory that the server holds for it, such as replies that were not read.
    """

    id: int
    age: float
    command_bytes: int
    command_words: int
    bytes: int


@dataclass(frozen=True, slots=True)
class OpenConnections:
    """All connections but those of the host.

    Attributes:
        contributors: contributor -> its connections.
        strangers: connections that have not authenticated.
    """

    contributors: dict[str, list[Connection]]
    strangers: list[Connection]


class ConnectionLimits:
    """Which connections of one contributor are beyond its limits."""

    def __init__(self, limits: ContributorSettings) -> None:
        self._max_connections = limits.max_connections
        self._max_bytes = limits.max_connections_mb * 2**20
        # A message of the largest size is one word; its command has a few short ones more.
        self._max_command_bytes = 2 * limits.max_message_mb * 2**20
        self._offenses: list[float] = []

    def excess(self, connections: Sequence[Connection]) -> list[int]:
        """Ids of the connections to cut: those with an oversized command, the newest beyond the allowed number, and
        the largest until the rest takes no more than the allowed memory."""
        wrong = [
            connection
            for connection in connections
            if connection.command_bytes > self._max_command_bytes or connection.command_words > _MAX_WORDS
        ]
        kept = sorted(set(connections) - set(wrong), key=lambda connection: connection.id)
        wrong += kept[self._max_connections :]
        kept = sorted(kept[: self._max_connections], key=lambda connection: connection.bytes)
        while sum(connection.bytes for connection in kept) > self._max_bytes:
            wrong.append(kept.pop())
        return [connection.id for connection in wrong]

    def flooded(self, connections: Sequence[Connection]) -> bool:
        """Whether they take far more memory than they may, or one is about to. Each look may then take seconds: it must
        be the last."""
        return (
            any(connection.command_words > _MAX_WORDS for connection in connections)
            or sum(connection.bytes for connection in connections) > _FLOOD * self._max_bytes
        )

    def repeated(self, now: float) -> bool:
        """Note that connections were cut. Returns whether this has happened too often, and forgets it then."""
        self._offenses = [then for then in self._offenses if now - then < _MEMORY] + [now]
        if len(self._offenses) < _MAX_OFFENSES:
            return False
        self._offenses.clear()
        return True


def excess_of_strangers(strangers: Sequence[Connection]) -> list[int]:
    """Ids of the connections to cut: those that were given time enough to authenticate, and the oldest of too many.

    The newest stay, since someone with a password is done within a moment and those who are silent grow old.
    """
    waiting = sorted(strangers, key=lambda connection: connection.id)
    late = [connection.id for connection in waiting if connection.age > _STRANGER_AGE]
    young = [connection.id for connection in waiting if connection.age <= _STRANGER_AGE]
    return late + young[: max(len(young) - _MAX_STRANGERS, 0)]
