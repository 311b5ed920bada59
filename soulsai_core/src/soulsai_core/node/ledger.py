"""What each client sent: rows admitted, rows rejected by reason, and the number of its last message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

UNKNOWN = "unknown"
"""The name under which messages are counted whose sender cannot be read."""


@dataclass(slots=True)
class ClientCounts:
    """The counts of one client.

    Attributes:
        last_number: of its last message that was received, 0 before the first.
        refused: the attempt of a message that was refused, since one before it is missing; None once that has come.
        acknowledged: number of its last message that is in the journal.
    """

    admitted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    last_number: int = 0
    refused: int | None = None
    acknowledged: int = 0


class Ledger:
    """The counts of all clients, and their totals.

    Args:
        max_clients: beyond this number the counts of the client that was silent for longest are dropped, so that the
            memory stays bounded. The totals keep them.

    Attributes:
        counts: client -> its counts, ordered by the time of the last message.
        messages: of all clients.
    """

    def __init__(self, max_clients: int = 1000) -> None:
        self.counts: dict[str, ClientCounts] = {}
        self.messages = 0
        self.admitted = 0
        self.rejected: Counter[str] = Counter()
        self._max_clients = max_clients

    def is_repeat(self, client: str, number: int) -> bool:
        """Whether a message of this client with this or a higher number was received already."""
        counts = self.counts.get(client)
        return counts is not None and number <= counts.last_number

    def is_early(self, client: str, number: int, first: int, attempt: int) -> bool:
        """Whether a message must be refused, since one before it is missing and may still come. The client is then
        asked to send again.

        Args:
            first: number of the oldest message that may still come, 0 for this one.
            attempt: of the client.
        """
        counts = self.counts.get(client) or ClientCounts()
        if max(counts.last_number + 1, first or number) >= number:
            return False
        if client not in self.counts and len(self.counts) >= self._max_clients:
            return False  # the refusal could not be remembered: this message is taken for the first
        self.counts.setdefault(client, counts).refused = attempt
        return True

    def add(self, client: str, number: int | None, admitted: int, rejected: dict[str, int]) -> str | None:
        """Count one message.

        Args:
            number: of the message, None if it is not to be recognized again.
            admitted: rows.
            rejected: rows by reason; 1 for a message whose rows cannot be read.

        Returns: the client whose counts were dropped, if any.
        """
        counts = self.counts.pop(client or UNKNOWN, None) or ClientCounts()
        self.counts[client or UNKNOWN] = counts  # removed and added again, so that it is the last in the order
        if number is not None:
            counts.last_number = max(counts.last_number, number)
            counts.refused = None
        self.messages += 1
        counts.admitted += admitted
        self.admitted += admitted
        if rejected:
            counts.rejected.update(rejected)
            self.rejected.update(rejected)
        if len(self.counts) <= self._max_clients:
            return None
        silent = next(iter(self.counts))
        del self.counts[silent]
        return silent

    def acknowledge(self, client: str, number: int | None) -> None:
        """This message is in the journal, or is not learned from; None: it has no number."""
        counts = self.counts.get(client)
        if counts is not None and number is not None:
            counts.acknowledged = max(counts.acknowledged, number)

    def places(self, present: Iterable[str]) -> dict[str, int]:
        """client -> its place among those that are present, by admitted rows; from 1."""
        admitted = {client: self.counts[client].admitted if client in self.counts else 0 for client in present}
        ranked = sorted(admitted, key=lambda client: (-admitted[client], client))
        return {client: place for place, client in enumerate(ranked, start=1)}

    def acked(self) -> dict[str, int]:
        """client -> number of its last message that was acknowledged."""
        return {name: counts.acknowledged for name, counts in self.counts.items() if counts.acknowledged}

    def numbers(self) -> dict[str, int]:
        """client -> number of its last message that was received."""
        return {name: counts.last_number for name, counts in self.counts.items() if counts.last_number}

    def refused(self) -> dict[str, int]:
        """client -> attempt of its message that was refused, for those that have to send again."""
        return {name: counts.refused for name, counts in self.counts.items() if counts.refused is not None}

    def restore(self, client: str, number: int) -> None:
        """An earlier process received this message, and it is in the journal."""
        self.add(client, number, 0, {})
        self.acknowledge(client, number)
