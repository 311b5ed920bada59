"""Which episode reports count: each episode once, whatever order the reports come in."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from soulsai_core import MAX_NUMBER, Episode, episode_number
from soulsai_core.app import UNREADABLE

# Bounds of the memory: clients that are remembered, missing numbers of each, metrics of one report.
_MAX_CLIENTS = 1000
_MAX_MISSING = 1000
_MAX_METRICS = 1000
_MAX_CLIENT_NAME = 200
# Steps and seconds of one episode, and its iteration.
_MAX_COUNT = 2**53


class ReportFilter:
    """Admits each episode once, and counts the reports that are not as they should be.

    A client numbers its episodes. A report with a number that was seen before is repeated; one with a number that was
    skipped before is late, and still counts.

    Args:
        run_id: the training whose episodes count, "" for any.

    Attributes:
        counts: reports that were "late", "repeated", "garbled", or of a "foreign" training.
    """

    def __init__(self, run_id: str = "") -> None:
        self.counts = dict.fromkeys(("late", "repeated", "garbled", "foreign"), 0)
        self._run_id = run_id
        self._clients: OrderedDict[str, _SeenNumbers] = OrderedDict()
        self._decoder = msgspec.json.Decoder(Episode)

    def admit(self, payload: bytes) -> Episode | None:
        """The reported episode, None if it does not count."""
        try:
            episode = self._decoder.decode(payload)
        except UNREADABLE:
            episode = None
        if episode is None or not _is_plausible(episode):
            self.counts["garbled"] += 1
            return None
        if self._run_id and episode.run_id not in ("", self._run_id):
            self.counts["foreign"] += 1
            return None
        kind = self.mark_seen(episode)
        if kind:
            self.counts[kind] += 1
        return None if kind == "repeated" else episode

    def mark_seen(self, episode: Episode) -> str:
        """Remember the episode's number. Returns "late", "repeated" or ""."""
        seen = self._clients.pop(episode.client, None) or _SeenNumbers()
        self._clients[episode.client] = seen  # to the end: the first is then the one silent for longest
        if len(self._clients) > _MAX_CLIENTS:
            self._clients.popitem(last=False)
        return seen.add(episode_number(episode.id))


class _SeenNumbers:
    """The episode numbers that one client reported: the highest, and those missing below it."""

    def __init__(self) -> None:
        self._highest = 0
        self._missing: set[int] = set()

    def add(self, number: int) -> str:
        """Take in a number. Returns "late" if it was missing, "repeated" if it was there, else ""."""
        if number > self._highest:
            # Only the newest gaps: a client that skips billions must not fill the memory.
            self._missing |= set(range(max(self._highest + 1, number - _MAX_MISSING), number))
            self._highest = number
            if len(self._missing) > _MAX_MISSING:
                self._missing = {gap for gap in self._missing if gap > number - _MAX_MISSING}
            return ""
        if number in self._missing:
            self._missing.remove(number)
            return "late"
        return "repeated"


def _is_plausible(episode: Episode) -> bool:
    return (
        abs(episode.total_reward) <= MAX_NUMBER
        and all(0 <= number <= _MAX_COUNT for number in (episode.length, episode.seconds, episode.iteration))
        and len(episode.metrics) <= _MAX_METRICS
        and episode_number(episode.id) > 0
        and len(episode.client) <= _MAX_CLIENT_NAME
    )
