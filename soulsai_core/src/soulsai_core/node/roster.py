"""Which clients are present, judged by their heartbeats."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from soulsai_core.messages import ClientInfo


@dataclass(frozen=True, slots=True)
class RosterChange:
    """The clients that joined and were lost since the last update. False if there are none."""

    joined: tuple[ClientInfo, ...] = ()
    lost: tuple[ClientInfo, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.joined or self.lost)


class Roster:
    """The clients whose last heartbeat is `timeout` seconds old at most, by the server's clock.

    Attributes:
        present: client -> its last info.
        indices: client -> the lowest index, from 0, that was free when it joined.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        # Written by the monitor's thread and read by the loop: both are replaced as a whole, and never changed.
        self.present: dict[str, ClientInfo] = {}
        self.indices: dict[str, int] = {}

    def update(
        self, seen: Mapping[str, tuple[float, ClientInfo]], *, heartbeats_are_missing: bool = False
    ) -> RosterChange:
        """Take client -> (seconds since its last heartbeat, info) from the server. A lost client may join again.

        A client that leaves is lost at once, with its last info.

        Args:
            heartbeats_are_missing: the server was away or has lost its memory a moment ago. A client whose heartbeat
                is old or missing is then not lost.
        """
        fresh = {name: info for name, (age, info) in seen.items() if age <= self.timeout}
        if heartbeats_are_missing:
            fresh = {**self.present, **fresh}
        now = {name: info for name, info in fresh.items() if not info.leaving}
        joined = [info for name, info in now.items() if name not in self.present]
        lost = [fresh.get(name, info) for name, info in self.present.items() if name not in now]
        # A client may have come and left since the last update.
        passed = [info for name, info in fresh.items() if info.leaving and name not in self.present]
        joined += passed
        lost += passed
        self.present = now
        if joined or lost:
            self.indices = assign_indices(self.indices, now)
        return RosterChange(tuple(joined), tuple(lost))


def assign_indices(indices: Mapping[str, int], present: Iterable[str]) -> dict[str, int]:
    """client -> index. A client that had an index keeps it; a new one gets the lowest that is free."""
    kept = {client: indices[client] for client in present if client in indices}
    taken = set(kept.values())
    free = (number for number in itertools.count() if number not in taken)
    return kept | {client: next(free) for client in present if client not in kept}
