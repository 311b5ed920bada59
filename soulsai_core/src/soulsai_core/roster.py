"""Who is there, judged by heartbeats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from soulsai_core.messages import ClientInfo


@dataclass(frozen=True, slots=True)
class RosterChange:
    """Who came and who went since the last look."""

    joined: tuple[ClientInfo, ...] = ()
    lost: tuple[ClientInfo, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.joined or self.lost)


class Roster:
    """The clients that were heard within `timeout` seconds by the server's clock."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.present: dict[str, ClientInfo] = {}

    def look(self, seen: Mapping[str, tuple[float, ClientInfo]]) -> RosterChange:
        """Compare with client -> (seconds since its last heartbeat, info). A client that vanished may join again."""
        now = {name: info for name, (age, info) in seen.items() if age <= self.timeout}
        joined = tuple(info for name, info in now.items() if name not in self.present)
        lost = tuple(info for name, info in self.present.items() if name not in now)
        self.present = now
        return RosterChange(joined, lost)
