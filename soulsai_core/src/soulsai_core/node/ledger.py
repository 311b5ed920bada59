"""What each client sent: rows admitted, rows rejected by reason, and its last message that was taken in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

UNKNOWN = "unknown"


@dataclass(slots=True)
class ClientCounts:
    """One client's numbers."""

    admitted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    last_number: int = 0


class Ledger:
    """Accounts by client, and the totals. Accounts of clients long gone are closed, so that memory is bounded.

    Args:
        max_clients: the counts that was silent for longest is closed beyond this number.
    """

    def __init__(self, max_clients: int = 1000) -> None:
        self.counts: dict[str, ClientCounts] = {}
        self.admitted = 0
        self.rejected: Counter[str] = Counter()
        self._max_clients = max_clients

    def is_repeat(self, client: str, number: int) -> bool:
        """True if a message of this client with this or a higher number was taken in already."""
        counts = self.counts.get(client)
        return counts is not None and number <= counts.last_number

    def enter(self, client: str, number: int | None, admitted: int, rejected: dict[str, int]) -> str | None:
        """Book one message: the rows admitted, and rows (or 1 for a message that cannot be read) by reason.

        Returns: the client whose counts was closed for it, if any.
        """
        counts = self.counts.pop(client or UNKNOWN, None) or ClientCounts()
        self.counts[client or UNKNOWN] = counts  # moved to the end: the order is that of the last message
        if number is not None:
            counts.last_number = max(counts.last_number, number)
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

    def acked(self) -> dict[str, int]:
        """client -> number of its last message that was taken in."""
        return {name: counts.last_number for name, counts in self.counts.items() if counts.last_number}
