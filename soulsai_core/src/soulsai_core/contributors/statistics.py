"""What each contributor gave: samples, hours, returns, and what was rejected. Kept in the run's folder."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path

import msgspec

from soulsai_core.transport.keys import contributor_of

log = logging.getLogger(__name__)

_WINDOW = 20
_REASONS = 32


class Contribution(msgspec.Struct):
    """One contributor's numbers in this training.

    Attributes:
        samples: environment steps admitted.
        episodes: complete ones.
        returns: of the last complete episodes.
        best: return, None before the first episode.
        client_seconds: time that its clients were there, added up.
        rejected: rows by reason, or 1 for each message that was not read so far.
        suspensions: how often it was put out for a while.
    """

    samples: int = 0
    episodes: int = 0
    returns: list[float] = []
    best: float | None = None
    client_seconds: float = 0.0
    rejected: dict[str, int] = {}
    suspensions: int = 0


class ContributorStatistics:
    """Users by name, in a file that outlives the process. Safe from several threads.

    Args:
        path: the file; one that is there is gone on with.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._contributions = _read(path)
        self._known = bool(self._contributions)

    def open(self, name: str) -> None:
        """This contributor is invited."""
        with self._lock:
            self._contribution(name)

    def judged(self, client: str, admitted: int, rejected: Mapping[str, int]) -> None:
        """So many rows of a client's message were admitted, so many rejected by reason. Clients of nobody who was
        invited are left out."""
        if not self._known:
            return
        name = contributor_of(client)
        with self._lock:
            if name in self._contributions:
                self._contributions[name].samples += admitted
                self._reject(name, rejected)

    def rejected(self, name: str, reason: str, count: int = 1) -> None:
        """So many of a contributor's messages were rejected."""
        with self._lock:
            self._reject(name, {reason: count})

    def finished(self, name: str, returns: list[float]) -> None:
        """Episodes were reported."""
        with self._lock:
            contribution = self._contribution(name)
            contribution.episodes += len(returns)
            contribution.returns = [*contribution.returns, *returns][-_WINDOW:]
            contribution.best = max([*returns, *([] if contribution.best is None else [contribution.best])])

    def present(self, name: str, seconds: float) -> None:
        """Its clients were there for so long, added up."""
        with self._lock:
            self._contribution(name).client_seconds += seconds

    def suspended(self, name: str) -> None:
        """It was put out for a while."""
        with self._lock:
            self._contribution(name).suspensions += 1

    def encode(self) -> bytes:
        """All contributions as JSON."""
        with self._lock:
            return msgspec.json.encode(self._contributions)

    def save(self) -> None:
        """Write the file, at once or not at all. A disk that does not take it is logged."""
        if not self._known:
            return
        fresh = self._path.with_name(self._path.name + ".new")
        try:
            fresh.write_bytes(self.encode())
            os.replace(fresh, self._path)  # noqa: PTH105 - replaces on Windows too
        except OSError as error:
            log.error("%s cannot be written: %s", self._path, error)

    def _contribution(self, name: str) -> Contribution:
        self._known = True
        return self._contributions.setdefault(name, Contribution())

    def _reject(self, name: str, rejected: Mapping[str, int]) -> None:
        counts = self._contribution(name).rejected
        for reason, count in rejected.items():
            if reason in counts or len(counts) < _REASONS:
                counts[reason] = counts.get(reason, 0) + count


def decode_statistics(payload: bytes) -> dict[str, Contribution]:
    """What `encode` made. Raises msgspec.DecodeError."""
    return msgspec.json.decode(payload, type=dict[str, Contribution])


def _read(path: Path) -> dict[str, Contribution]:
    try:
        return decode_statistics(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        log.warning("%s cannot be read, so the contributors' numbers begin anew: %s", path, error)
        return {}
