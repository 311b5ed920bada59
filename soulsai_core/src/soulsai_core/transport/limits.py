"""Bounds of streams, so that the server's memory stays bounded while no one reads them."""

from __future__ import annotations

from dataclasses import dataclass

COMMAND_LIMIT = 1_000
"""Commands that wait while no node takes them."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Bound of a stream, in messages and in bytes of payload."""

    max_entries: int = 10_000
    max_bytes: int = 512 * 2**20

    def entries(self, size: int) -> int:
        """How many messages of `size` bytes the stream may hold. At least one: no message is too large for it."""
        return max(1, min(self.max_entries, self.max_bytes // max(1, size)))


EPISODE_LIMITS = StreamLimits(max_entries=100_000, max_bytes=64 * 2**20)
"""Bound of the stream of episode reports. Several read it, so nothing but this bound ever makes it shorter."""
