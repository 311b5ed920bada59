"""How much one contributor may send in a time."""

from __future__ import annotations


class RateLimit:
    """Two token buckets (the leaky bucket as a meter, ITU-T I.371), one for messages and one for bytes. Each holds what
    flows in during two seconds, so that short bursts pass.

    Args:
        now: monotonic seconds.
    """

    def __init__(self, messages_per_second: float, bytes_per_second: float, now: float) -> None:
        self._rates = (messages_per_second, bytes_per_second)
        self._tokens = [2 * rate for rate in self._rates]
        self._updated = now

    def allows(self, size: int, now: float) -> bool:
        """Whether a message of this size fits. An allowed message takes its tokens; a rejected one takes none."""
        elapsed = max(now - self._updated, 0.0)
        self._updated = now
        for kind, rate in enumerate(self._rates):
            self._tokens[kind] = min(self._tokens[kind] + rate * elapsed, 2 * rate)
        if self._tokens[0] < 1 or self._tokens[1] < size:
            return False
        self._tokens[0] -= 1
        self._tokens[1] -= size
        return True
