"""How much may pass in a time."""

from __future__ import annotations


class RateLimit:
    """Token buckets (the leaky bucket as a meter of ITU-T I.371), one for messages and one for bytes. Twice a second's
    worth may come in one go.

    Args:
        now: monotonic seconds.
    """

    def __init__(self, messages_per_second: float, bytes_per_second: float, now: float) -> None:
        self._rates = (messages_per_second, bytes_per_second)
        self._left = [2 * rate for rate in self._rates]
        self._then = now

    def allows(self, size: int, now: float) -> bool:
        """True, and counted, if a message of this size fits; a refused one costs nothing."""
        elapsed = max(now - self._then, 0.0)
        self._then = now
        for kind, rate in enumerate(self._rates):
            self._left[kind] = min(self._left[kind] + rate * elapsed, 2 * rate)
        if self._left[0] < 1 or self._left[1] < size:
            return False
        self._left[0] -= 1
        self._left[1] -= size
        return True
