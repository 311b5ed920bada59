"""Who is there, judged by heartbeats."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
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
    """The clients that were heard within `timeout` seconds by the server's clock.

    Attributes:
        present: who is there.
        places: client -> the lowest number that was free when it came, from 0. Replaced as a whole, never changed.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.present: dict[str, ClientInfo] = {}
        self.places: dict[str, int] = {}

    def look(self, seen: Mapping[str, tuple[float, ClientInfo]]) -> RosterChange:
        """Compare with client -> (seconds since its last heartbeat, info). A client that vanished may join again."""
        now = {name: info for name, (age, info) in seen.items() if age <= self.timeout}
        joined = tuple(info for name, info in now.items() if name not in self.present)
        lost = tuple(info for name, info in self.present.items() if name not in now)
        self.present = now
        if joined or lost:
            self.places = placed(self.places, now)
        return RosterChange(joined, lost)


def placed(places: Mapping[str, int], present: Iterable[str]) -> dict[str, int]:
    """The places of those who are there: who had one keeps it, and a newcomer gets the lowest that is free."""
    kept = {client: places[client] for client in present if client in places}
    taken = set(kept.values())
    free = (number for number in itertools.count() if number not in taken)
    return kept | {client: next(free) for client in present if client not in kept}
