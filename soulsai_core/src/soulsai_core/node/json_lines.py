"""An append-only file of JSON lines that survives kills and full disks, and is read back at the next start."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from soulsai_core.messages import UNREADABLE

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_BYTES = 512 * 2**20
"""Size at which a file is set aside, so that no one who sends reports can fill the disk."""


class JsonLines(Generic[T]):
    """Rows of one type, one JSON object a line.

    What a kill or a full disk left behind the last good line is overwritten by the next `append`. Unreadable lines
    between good ones are skipped and stay where they are.

    A file of `max_bytes` is set aside as "<name>.old", which replaces the one that was there. So the newest rows, of
    `max_bytes` at least, are kept.

    Args:
        row: type of the rows, a dataclass or a msgspec struct.
    """

    def __init__(self, path: Path, row: type[T], max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._old = path.with_name(path.name + ".old")
        self._row = row
        self._max_bytes = max_bytes
        self._size: int | None = None  # bytes up to the last good line, None before the file was read to its end

    def read(self) -> Iterator[T]:
        """All rows, oldest first; none if there is no file. Writes nothing, so another process may be appending."""
        yield from self._rows(self._old)
        self._size = yield from self._rows(self._path)

    def _rows(self, path: Path) -> Generator[T, None, int]:
        """The rows of one file. Returns the bytes up to the end of the last good line."""
        size = 0
        position = 0
        skipped = 0
        if not path.exists():
            return size
        decoder = msgspec.json.Decoder(self._row)
        with path.open("rb") as file:
            for line in file:
                position += len(line)
                if not line.endswith(b"\n"):
                    break
                try:
                    row = decoder.decode(line)
                except UNREADABLE:
                    skipped += 1
                    continue
                size = position
                yield row
        if skipped:
            log.warning("%d lines of %s cannot be read and are left out.", skipped, path)
        return size

    def append(self, rows: Sequence[T]) -> None:
        """Write rows at the end.

        Raises OSError, and has then changed nothing: the same rows may be given again.
        """
        size = self._good_size()
        data = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if size and size + len(data) > self._max_bytes:
            os.replace(self._path, self._old)  # noqa: PTH105 - replaces on Windows too
            log.info("%s has %d MB and goes on as a new file; the old one is %s.", self._path, size >> 20, self._old)
            self._size = size = 0
        with self._path.open("ab") as file:
            if file.tell() > size:
                file.truncate(size)  # only then: if the file was removed, this would fill it with zeros
            file.write(data)
            end = file.tell()
        self._size = end

    def _good_size(self) -> int:
        """Bytes up to the end of the last good line."""
        if self._size is None:
            for _ in self.read():
                pass
        assert self._size is not None
        return self._size
