"""Bounds of streams, so that the server's memory stays bounded while no one reads them."""

from __future__ import annotations

from dataclasses import dataclass

EPISODE_LIMIT = 1_000_000
"""Episodes that are kept. So many take years, but a faulty client could send them in hours."""

COMMAND_LIMIT = 1_000
"""Commands that wait while no node takes them."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Bound of the sample stream, in messages and in bytes of payload."""

    max_entries: int = 10_000
    max_bytes: int = 512 * 2**20

    def entries(self, size: int) -> int:
        """How many messages of `size` bytes the stream may hold. At least one: no message is too large for it."""
        return max(1, min(self.max_entries, self.max_bytes // max(1, size)))
