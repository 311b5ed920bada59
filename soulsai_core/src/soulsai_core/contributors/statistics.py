"""Statistics of each contributor: steps, hours, returns, and what was rejected. They are kept in the run's folder."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from soulsai_core.hooks.hookspecs import hookimpl
from soulsai_core.messages import UNREADABLE, contributor_of

log = logging.getLogger(__name__)

WINDOW = 20
"""Number of last returns that are kept, of which the mean return is."""

_MAX_REASONS = 32
"""Number of different reasons that are counted, so that the file stays small."""


class Contribution(msgspec.Struct):
    """One contributor's numbers in this run.

    Attributes:
        since: when its first step was admitted, in seconds since 1970; None before that.
        samples: steps admitted.
        episodes: number of complete ones.
        returns: of the last complete episodes.
        best: the highest return, None before the first episode.
        client_seconds: for which its clients were present, added up over the clients.
        rejected: rows by reason, or 1 for each message that was rejected before its rows were read.
        suspensions: how often it was suspended.
    """

    since: float | None = None
    samples: int = 0
    episodes: int = 0
    returns: list[float] = []
    best: float | None = None
    client_seconds: float = 0.0
    rejected: dict[str, int] = {}
    suspensions: int = 0

    @property
    def mean_return(self) -> float | None:
        """Of the last `WINDOW` episodes, None before the first."""
        return sum(self.returns) / len(self.returns) if self.returns else None


class ContributorStatistics:
    """The contributions by name, in a file that outlives the process. An observer of the training node, and safe to use
    from several threads.

    Args:
        path: of the file; the numbers that are in it go on.
        wall: seconds since 1970.
    """

    def __init__(self, path: Path, wall: Callable[[], float]) -> None:
        self._path = path
        self._wall = wall
        # The gate writes in its thread while the node's events arrive in another one.
        self._lock = threading.Lock()
        self._contributions = _read(path)

    @hookimpl
    def samples_received(self, client: str, admitted: int, rejected: Mapping[str, int]) -> None:
        """Count the rows of a client's message. Clients that belong to no contributor are left out."""
        name = contributor_of(client)
        with self._lock:
            if name in self._contributions:
                contribution = self._contributions[name]
                contribution.samples += admitted
                if admitted and contribution.since is None:
                    contribution.since = self._wall()
                self._count_rejected(name, rejected)

    def add(self, name: str) -> None:
        """List a contributor, if it is not listed yet."""
        with self._lock:
            self._of(name)

    def add_rejected(self, name: str, reason: str, count: int = 1) -> None:
        """Count messages that the gate rejected."""
        with self._lock:
            self._count_rejected(name, {reason: count})

    def add_episodes(self, name: str, returns: list[float]) -> None:
        """Count complete episodes with these returns."""
        with self._lock:
            contribution = self._of(name)
            contribution.episodes += len(returns)
            contribution.returns = [*contribution.returns, *returns][-WINDOW:]
            contribution.best = max([*returns, *([] if contribution.best is None else [contribution.best])])

    def add_client_seconds(self, name: str, seconds: float) -> None:
        """Add to the time for which clients were present."""
        with self._lock:
            self._of(name).client_seconds += seconds

    def add_suspension(self, name: str) -> None:
        """Count a suspension."""
        with self._lock:
            self._of(name).suspensions += 1

    def encode(self) -> bytes:
        """All contributions as JSON."""
        with self._lock:
            return msgspec.json.encode(self._contributions)

    def encode_each(self, names: Iterable[str]) -> dict[str, bytes]:
        """The contribution of each of these as JSON."""
        with self._lock:
            return {name: msgspec.json.encode(self._of(name)) for name in names}

    def save(self) -> None:
        """Write the file, completely or not at all. An error of the disk is logged."""
        if not self._contributions:
            return  # a run without contributors has no such file
        # Encoded under the lock and written without it: the events of the node must not wait for the disk.
        new = self._path.with_name(self._path.name + ".new")
        try:
            new.write_bytes(self.encode())
            os.replace(new, self._path)  # noqa: PTH105 - replaces on Windows too
        except OSError as error:
            log.error("%s cannot be written: %s", self._path, error)

    def close(self) -> None:
        """Called after the last event: save what it brought."""
        self.save()

    def _of(self, name: str) -> Contribution:
        return self._contributions.setdefault(name, Contribution())

    def _count_rejected(self, name: str, rejected: Mapping[str, int]) -> None:
        counts = self._of(name).rejected
        for reason, count in rejected.items():
            if reason in counts or len(counts) < _MAX_REASONS:
                counts[reason] = counts.get(reason, 0) + count


def decode_statistics(payload: bytes) -> dict[str, Contribution]:
    """The contributions that `encode` wrote. Raises one of UNREADABLE if it cannot be read."""
    return msgspec.json.decode(payload, type=dict[str, Contribution])


def _read(path: Path) -> dict[str, Contribution]:
    try:
        return decode_statistics(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, *UNREADABLE) as error:
        log.warning("%s cannot be read, so the contributors' numbers begin anew: %s", path, error)
        return {}
