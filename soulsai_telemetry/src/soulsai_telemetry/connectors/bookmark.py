"""How far a service was told, so that a restart repeats nothing there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from soulsai_telemetry.records import Record


class Bookmark:
    """The number of the last episode told, in a small file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.last = self._read()

    def new(self, records: Sequence[Record]) -> list[Record]:
        """Those that were not told yet."""
        return [record for record in records if record.number > self.last]

    def move(self, records: Sequence[Record]) -> None:
        """These are told now."""
        if records:
            self.last = records[-1].number
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(str(self.last), encoding="utf-8")

    def _read(self) -> int:
        try:
            return int(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0
