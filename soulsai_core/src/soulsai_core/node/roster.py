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

    def update(self, seen: Mapping[str, tuple[float, ClientInfo]]) -> RosterChange:
        """Take client -> (seconds since its last heartbeat, info) from the server. A lost client may join again.

        A client that leaves is lost at once, with its last info.
        """
        now = {name: info for name, (age, info) in seen.items() if age <= self.timeout and not info.leaving}
        joined = tuple(info for name, info in now.items() if name not in self.present)
        gone = [name for name in self.present if name not in now]
        lost = tuple(seen[name][1] if name in seen and seen[name][1].leaving else self.present[name] for name in gone)
        self.present = now
        if joined or lost:
            self.indices = assign_indices(self.indices, now)
        return RosterChange(joined, lost)


def assign_indices(indices: Mapping[str, int], present: Iterable[str]) -> dict[str, int]:
    """client -> index. A client that had an index keeps it; a new one gets the lowest that is free."""
    kept = {client: indices[client] for client in present if client in indices}
    taken = set(kept.values())
    free = (number for number in itertools.count() if number not in taken)
    return kept | {client: next(free) for client in present if client not in kept}
