"""How much a stream may hold, so that the server's memory stays bounded while nobody reads."""

from __future__ import annotations

from dataclasses import dataclass

EPISODE_LIMIT = 1_000_000
"""Episode reports kept: years of play, yet a bound."""

COMMAND_LIMIT = 1_000
"""Commands kept while no node takes them."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Bound of the sample stream, in messages and in bytes of payload."""

    max_entries: int = 10_000
    max_bytes: int = 512 * 2**20

    def entries(self, size: int) -> int:
        """How many messages of `size` bytes may be there; at least one, so that no size is refused."""
        return max(1, min(self.max_entries, self.max_bytes // max(1, size)))
