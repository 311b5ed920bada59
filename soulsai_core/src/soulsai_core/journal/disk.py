"""The few things that are done with files, in one place: tests replace it by a disk that fails or loses power."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import BinaryIO


class OpenFile:
    """A file that is written from its beginning to its end.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file

    def write(self, data: bytes | memoryview) -> None:
        """Append all of `data`. Raises OSError; then a part of it may have been written."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]

    def sync(self) -> None:
        """Return once everything written so far is on the disk. May be called while another thread writes."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file. It may not be synced."""
        self._file.close()


class Disk:
    """The real one."""

    def create(self, path: Path) -> OpenFile:
        """A new file; one that is there is replaced by an empty one, which leaves other links to it as they are."""
        path.unlink(missing_ok=True)
        return OpenFile(path, path.open("xb", buffering=0))

    def sync_folder(self, path: Path) -> None:
        """Return once the folder's names are on the disk. Does nothing on Windows, which cannot sync folders."""
        if os.name == "nt":
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it, unless they are there."""
        path.mkdir(parents=True, exist_ok=True)

    def rename(self, path: Path, new: Path) -> None:
        """Give a file or folder a new name. A file there is replaced."""
        os.replace(path, new)  # noqa: PTH105 - replaces on Windows, too

    def remove(self, path: Path) -> None:
        """Remove a file or a folder with all in it, if it is there. A folder may stay behind in part."""
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()

    def truncate(self, path: Path, length: int) -> None:
        """Cut off what is behind the first `length` bytes of a file, and sync it."""
        with path.open("r+b") as file:
            file.truncate(length)
            os.fsync(file.fileno())

    def link(self, path: Path, new: Path) -> bool:
        """Give a file a second name. Returns False where the file system has no links."""
        try:
            os.link(path, new)
        except OSError:
            return False
        return True

    def copy(self, path: Path, new: Path, length: int) -> None:
        """Copy the first `length` bytes of a file, and sync them."""
        with path.open("rb") as source, new.open("wb") as copy:
            while length and (piece := source.read(min(length, 2**20))):
                copy.write(piece)
                length -= len(piece)
            copy.flush()
            os.fsync(copy.fileno())
