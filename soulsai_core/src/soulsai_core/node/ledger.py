"""What each client sent: rows admitted, rows rejected by reason, and its last message that was taken in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

UNKNOWN = "unknown"


@dataclass(slots=True)
class Account:
    """One client's numbers."""

    admitted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    last_number: int = 0


class Ledger:
    """Accounts by client, and the totals. Accounts of clients long gone are closed, so that memory is bounded.

    Args:
        max_accounts: the account that was silent for longest is closed beyond this number.
    """

    def __init__(self, max_accounts: int = 1000) -> None:
        self.accounts: dict[str, Account] = {}
        self.admitted = 0
        self.rejected: Counter[str] = Counter()
        self._max_accounts = max_accounts

    def is_repeat(self, client: str, number: int) -> bool:
        """True if a message of this client with this or a higher number was taken in already."""
        account = self.accounts.get(client)
        return account is not None and number <= account.last_number

    def enter(self, client: str, number: int | None, admitted: int, rejected: dict[str, int]) -> str | None:
        """Book one message: the rows admitted, and rows (or 1 for a message that cannot be read) by reason.

        Returns: the client whose account was closed for it, if any.
        """
        account = self.accounts.pop(client or UNKNOWN, None) or Account()
        self.accounts[client or UNKNOWN] = account  # moved to the end: the order is that of the last message
        if number is not None:
            account.last_number = max(account.last_number, number)
        account.admitted += admitted
        self.admitted += admitted
        if rejected:
            account.rejected.update(rejected)
            self.rejected.update(rejected)
        if len(self.accounts) <= self._max_accounts:
            return None
        silent = next(iter(self.accounts))
        del self.accounts[silent]
        return silent

    def acked(self) -> dict[str, int]:
        """client -> number of its last message that was taken in."""
        return {name: account.last_number for name, account in self.accounts.items() if account.last_number}
