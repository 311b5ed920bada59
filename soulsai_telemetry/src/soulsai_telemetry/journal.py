"""An append-only file of JSON lines that survives kills and full disks, and is read back at the next start."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

log = logging.getLogger(__name__)

T = TypeVar("T")

_PENDING = 100_000
"""Rows kept in memory while the disk does not take them."""


class Journal(Generic[T]):
    """Rows of one type, one JSON object a line.

    Args:
        row: the type of the rows, a dataclass or a msgspec struct.
    """

    def __init__(self, path: Path, row: type[T]) -> None:
        self._path = path
        self._row = row
        self._size = 0
        self._pending: list[bytes] = []
        self._failing = False

    def recover(self) -> Iterator[T]:
        """All rows that were written. A line torn by a kill is cut off, so that the next row has a line of its own."""
        if not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return
        decoder = msgspec.json.Decoder(self._row)
        with self._path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._size += len(line)
                try:
                    yield decoder.decode(line)
                except msgspec.DecodeError as error:
                    log.warning("A line of %s cannot be read and is left out: %s", self._path, error)
        if self._path.stat().st_size > self._size:
            with self._path.open("r+b") as file:
                file.truncate(self._size)

    def append(self, rows: Sequence[T]) -> None:
        """Write rows. Those that the disk does not take are tried again with the next ones."""
        self._pending += [msgspec.json.encode(row) + b"\n" for row in rows]
        del self._pending[:-_PENDING]
        if not self._pending:
            return
        data = b"".join(self._pending)
        try:
            with self._path.open("ab") as file:
                file.write(data)
        except OSError as error:
            self._give_up(error)
            return
        if self._failing:
            log.warning("%s can be written again.", self._path)
        self._size += len(data)
        self._pending = []
        self._failing = False

    def _give_up(self, error: OSError) -> None:
        if not self._failing:
            log.error("%s cannot be written (%s); the rows wait in memory.", self._path, error)
        self._failing = True
        try:  # a part of them may have been written
            with self._path.open("r+b") as file:
                file.truncate(self._size)
        except OSError:
            pass
