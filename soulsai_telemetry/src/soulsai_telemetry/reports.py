"""Which episode reports count: each once, whatever order they come in."""

from __future__ import annotations

import math
from collections import OrderedDict

import msgspec

from soulsai_core import Episode

_CLIENTS = 1000
_GAPS = 1000
_METRICS = 1000


class Reports:
    """Sorts reports and counts those that are not as they should be.

    A client numbers its episodes; a number already seen is a repeated report, one that was skipped before is a late
    one, which still counts.

    Args:
        run_id: the training whose episodes count, "" for any.

    Attributes:
        counts: reports that were "late", "repeated", "garbled", or of a "foreign" training.
    """

    def __init__(self, run_id: str = "") -> None:
        self.counts = dict.fromkeys(("late", "repeated", "garbled", "foreign"), 0)
        self._run_id = run_id
        self._clients: OrderedDict[str, _Seen] = OrderedDict()
        self._decoder = msgspec.json.Decoder(Episode)

    def admit(self, payload: bytes) -> Episode | None:
        """The episode if it is to be counted, None if not."""
        try:
            episode = self._decoder.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            episode = None
        if episode is None or not _sound(episode):
            self.counts["garbled"] += 1
            return None
        if self._run_id and episode.run_id not in ("", self._run_id):
            self.counts["foreign"] += 1
            return None
        kind = self.note(episode)
        if kind:
            self.counts[kind] += 1
        return None if kind == "repeated" else episode

    def note(self, episode: Episode) -> str:
        """Remember that it was seen. Returns "late", "repeated" or ""."""
        seen = self._clients.pop(episode.client, None) or _Seen()
        self._clients[episode.client] = seen  # at the end: the first is the one silent for longest
        if len(self._clients) > _CLIENTS:
            self._clients.popitem(last=False)
        return seen.note(_number(episode.id))


class _Seen:
    """The numbers that one client reported."""

    def __init__(self) -> None:
        self._last = 0
        self._missing: set[int] = set()

    def note(self, number: int) -> str:
        if number > self._last:
            self._missing |= set(range(max(self._last + 1, number - _GAPS), number))
            self._last = number
            if len(self._missing) > _GAPS:
                self._missing = {gap for gap in self._missing if gap > number - _GAPS}
            return ""
        if number in self._missing:
            self._missing.remove(number)
            return "late"
        return "repeated"


def _number(identifier: str) -> int:
    _, _, number = identifier.rpartition("-")
    return int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0


def _sound(episode: Episode) -> bool:
    return (
        math.isfinite(episode.total_reward)
        and math.isfinite(episode.seconds)
        and episode.length >= 0
        and len(episode.metrics) <= _METRICS
        and _number(episode.id) > 0
        and len(episode.client) <= 200
    )
