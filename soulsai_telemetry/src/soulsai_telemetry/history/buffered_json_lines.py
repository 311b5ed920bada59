"""JSON lines for a process that must go on when the disk is full."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from soulsai_core import JsonLines

log = logging.getLogger(__name__)

T = TypeVar("T")

# Rows kept in memory while the disk refuses them; the oldest go first.
_MAX_PENDING = 100_000


class BufferedJsonLines(Generic[T]):
    """JsonLines that keep in memory what the disk refuses, and write it with the next rows.

    Args:
        row: type of the rows, a dataclass or a msgspec struct.
    """

    def __init__(self, path: Path, row: type[T]) -> None:
        self._path = path
        self._file = JsonLines(path, row)
        self._pending: list[T] = []
        self._failing = False

    def read(self) -> Iterator[T]:
        """All rows on the disk, oldest first."""
        return self._file.read()

    def append(self, rows: Sequence[T]) -> None:
        """Write rows at the end. Failures are logged, the first of each series."""
        self._pending += rows
        del self._pending[:-_MAX_PENDING]
        if not self._pending:
            return
        try:
            self._file.append(self._pending)
        except OSError as error:
            if not self._failing:
                log.error("%s cannot be written (%s); its rows are kept in memory.", self._path, error)
            self._failing = True
            return
        if self._failing:
            log.warning("%s can be written again.", self._path)
        self._failing = False
        self._pending = []
