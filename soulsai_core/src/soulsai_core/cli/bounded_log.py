"""The log of a child process: bounded, with repeated lines counted instead of written."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import IO

LOG_BYTES = 2**21
"""Size of a log file before it is rotated. The one before is kept, so that a log takes 4 MB at most."""

_TAIL_BYTES = 2**14
"""Of the newest output, in which the error of a process that ended is looked for."""

_LINE_BYTES = 2**16
"""Longer lines are cut into several."""

# The time at which our own processes begin their lines: the same message is the same line.
_TIME = re.compile(rb"\d\d:\d\d:\d\d ")


class BoundedLog:
    """Writes the output of one process to a file. To be used from one thread.

    The file keeps what earlier processes wrote. A line that is repeated is written when it came for the 2nd, 4th, 8th,
    ... time in a row, with its number.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] = path.open("ab")
        self._size = self._file.tell()
        self._rest = b""
        self._tail = b""
        self._last = b""
        self._times = 0

    def copy(self, source: IO[bytes]) -> None:
        """Write all that comes from a pipe, until its end."""
        # Not by lines of a buffered reader, which would keep back an unfinished one however long it gets.
        while chunk := os.read(source.fileno(), _LINE_BYTES):
            self.write(chunk)

    def write(self, chunk: bytes) -> None:
        """Write some output. An unfinished line waits for its end."""
        self._tail = (self._tail + chunk)[-_TAIL_BYTES:]
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._write_line(line)
        self._file.flush()

    def tail(self) -> str:
        """The newest output, as text."""
        return self._tail.decode("utf-8", "replace").strip()

    def close(self) -> None:
        """Write an unfinished line, and close the file."""
        if self._rest:
            self._write_line(self._rest)
        self._rest = b""
        self._file.close()

    def _write_line(self, line: bytes) -> None:
        begin = _TIME.match(line)
        message = line[begin.end() :] if begin else line
        self._times = self._times + 1 if message == self._last else 1
        self._last = message
        if self._times.bit_count() > 1:
            return
        if self._times > 1:
            line += b" (%d times in a row)" % self._times
        if self._size + len(line) >= LOG_BYTES:
            self._rotate()
        self._size += self._file.write(line + b"\n")

    def _rotate(self) -> None:
        self._file.close()
        os.replace(self._path, self._path.with_name(self._path.name + ".1"))  # noqa: PTH105 - replaces on Windows too
        self._file = self._path.open("ab")
        self._size = 0
