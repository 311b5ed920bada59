"""Remembers which episodes a service already has, so that a restart sends none of them twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from soulsai_core import replace_text
from soulsai_telemetry.history.records import EpisodeRecord


class LastEpisode:
    """The number of the last episode that was sent, in a small file.

    Attributes:
        number: 0 before the first.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.number = self._read()

    def newer(self, records: Sequence[EpisodeRecord]) -> list[EpisodeRecord]:
        """Those that were not sent yet."""
        return [record for record in records if record.number > self.number]

    def save(self, records: Sequence[EpisodeRecord]) -> None:
        """These were sent."""
        if records:
            self.number = records[-1].number
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_text(self._path, str(self.number))

    def _read(self) -> int:
        try:
            return int(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0
