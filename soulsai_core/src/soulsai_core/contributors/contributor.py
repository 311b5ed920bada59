"""What the gate keeps in memory of one contributor."""

from __future__ import annotations

import math

from soulsai_core.config import ContributorSettings
from soulsai_core.contributors.connections import ConnectionLimits
from soulsai_core.contributors.inspection import Inspector
from soulsai_core.contributors.rate_limit import RateLimit
from soulsai_core.contributors.window import WindowLimit

_PATIENCE = 3
"""Seconds in sequence in which most rows of a contributor may be beyond the window."""

_FLOOD_ROWS = 5000
"""Rows beyond the window in one second, and ten times as many as within it, that no client sends by mistake."""

_FORGIVEN = 5
"""A suspension is forgotten after as many times its own duration."""

_LONGEST = 3600.0
"""Seconds of the longest suspension of one who is suspended again and again."""


class Contributor:
    """A contributor's rate limit, its clients, and whether it is suspended.

    Args:
        client_timeout: seconds after its last message for which a client counts as present.
        now: monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        run_id: str,
        limits: ContributorSettings,
        client_timeout: float,
        now: float,
        window: WindowLimit | None = None,
    ) -> None:
        self.inspector = Inspector(name, run_id, limits, client_timeout, window)
        self.connections = ConnectionLimits(limits)
        self._rate_limit = RateLimit(limits.max_messages_per_s, limits.max_mb_per_s * 2**20, now)
        # Reports are kept, in the server and on the disk: they have a bound of their own, far below that of samples.
        self._report_limit = RateLimit(limits.max_messages_per_s, limits.max_report_kb_per_s * 1024, now)
        self._client_timeout = client_timeout
        self._suspension = limits.suspension_s
        self._duration = self._suspension
        self._last_suspension = -math.inf
        self._suspended_until: float | None = None
        self._counted = now
        self._rejected = 0
        self._rows = {True: 0, False: 0}
        self._seconds_beyond_window = 0
        self._max_rejected = limits.max_messages_per_s

    def allows(self, size: int, now: float) -> bool:
        """Whether a message of `size` bytes is within the rate limit."""
        allowed = self._rate_limit.allows(size, now)
        self._rejected += not allowed
        return allowed

    def allows_report(self, size: int, now: float) -> bool:
        """Whether an episode report of `size` bytes is within the rate limit of reports."""
        return self._report_limit.allows(size, now)

    def count_rows(self, *, beyond_window: bool) -> None:
        """Count the rows of the message that was inspected last."""
        self._rows[beyond_window] += self.inspector.rows

    def take_excess(self) -> bool:
        """To be called once a second. Whether since the last call more messages were beyond the rate limit than it
        allows in one second, or since several calls most rows were beyond the window.

        To reject messages costs the node time, too, so this counts as a flood.
        """
        rejected = self._rejected
        self._rejected = 0
        beyond = self._rows[True]
        within = self._rows[False]
        self._rows = {True: 0, False: 0}
        # A client that lost its connection may send a few rows too many, but not for seconds.
        self._seconds_beyond_window = self._seconds_beyond_window + 1 if beyond > within else 0
        flooded = beyond > max(_FLOOD_ROWS, 10 * within)
        if flooded or self._seconds_beyond_window >= _PATIENCE:
            self._seconds_beyond_window = 0
            return True
        return rejected > self._max_rejected

    def suspend(self, now: float) -> float:
        """Suspend it for the configured time, or for twice as long as the last time if that is not long ago.

        Returns: seconds of the suspension.
        """
        if now - self._last_suspension > _FORGIVEN * self._duration:
            self._duration = self._suspension
        else:
            self._duration = min(2 * self._duration, max(_LONGEST, self._suspension))
        self._suspended_until = now + self._duration
        self._last_suspension = self._suspended_until
        self.inspector.clients.clear()
        return self._duration

    def is_suspended(self, now: float) -> bool:
        """Whether its suspension lasts."""
        return self._suspended_until is not None and now < self._suspended_until

    def suspension_is_over(self, now: float) -> bool:
        """Whether a suspension is over that was not ended yet."""
        return self._suspended_until is not None and now >= self._suspended_until

    def end_suspension(self) -> None:
        """It may connect again."""
        self._suspended_until = None

    def take_client_seconds(self, now: float) -> float:
        """Seconds since the last call, times the number of clients that are present."""
        elapsed = now - self._counted
        self._counted = now
        return elapsed * sum(now - last <= self._client_timeout for last in self.inspector.clients.values())
