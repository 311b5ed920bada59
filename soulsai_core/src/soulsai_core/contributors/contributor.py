"""What the gate remembers of one contributor."""

from __future__ import annotations

from soulsai_core.config import ContributorSettings
from soulsai_core.contributors.inspection import Inspector
from soulsai_core.contributors.rate_limit import RateLimit


class Contributor:
    """Its rate, its clients, and whether it is suspended.

    Args:
        memory: seconds for which a client counts as there after it was heard.
        now: monotonic seconds.
    """

    def __init__(self, name: str, run_id: str, limits: ContributorSettings, memory: float, now: float) -> None:
        self._rate_limit = RateLimit(limits.max_messages_per_s, limits.max_mb_per_s * 2**20, now)
        self.inspector = Inspector(name, run_id, limits, memory)
        self._memory = memory
        self._suspension = limits.suspension_s
        self._out_until: float | None = None
        self._counted = now
        self._refused = 0
        self._refusable = limits.max_messages_per_s

    def allows(self, size: int, now: float) -> bool:
        """True if so many bytes more are within its rate."""
        allowed = self._rate_limit.allows(size, now)
        self._refused += not allowed
        return allowed

    def presses(self) -> bool:
        """True if since the last call more messages were refused than a second allows: that is work, too."""
        refused = self._refused
        self._refused = 0
        return refused > self._refusable

    def suspend(self, now: float) -> None:
        """Keep it out for the time of a suspension."""
        self._out_until = now + self._suspension
        self.inspector.clients.clear()

    def may_enter(self, now: float) -> bool:
        """False while it is suspended."""
        return self._out_until is None or now >= self._out_until

    def returns_now(self, now: float) -> bool:
        """True once, when a suspension is over."""
        if self._out_until is None or now < self._out_until:
            return False
        self._out_until = None
        return True

    def seconds_present(self, now: float) -> float:
        """Time since the last call, for each client that was heard lately, added up."""
        elapsed = now - self._counted
        self._counted = now
        return elapsed * sum(now - heard <= self._memory for heard in self.inspector.clients.values())

    def take_returns(self) -> list[float]:
        """Returns of the complete episodes since the last call."""
        taken = self.inspector.returns
        self.inspector.returns = []
        return taken
