"""The segments of a journal on the disk: found, read in order, cut, linked and removed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from soulsai_core.errors import CheckpointError
from soulsai_core.journal.disk import Disk
from soulsai_core.journal.records import HEADER_SIZE, Header, Limits, Record, read_header, read_records

log = logging.getLogger(__name__)

SUFFIX = ".steps"


def file_name(first: int) -> str:
    """Name of the segment that begins with this record. Names sort in the order of their records."""
    return f"{first:016d}{SUFFIX}"


@dataclass(frozen=True, slots=True)
class Segment:
    """A file with a valid header."""

    path: Path
    header: Header

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name


class Entry(NamedTuple):
    """A record and its place.

    Attributes:
        number: of the record in the run.
        rows_before: rows before it, admitted in the run or taken from another one.
        limits: by what it was judged.
    """

    number: int
    rows_before: int
    record: Record
    limits: Limits


class End(NamedTuple):
    """Where a journal ends: number of the next record, and rows before it, admitted or taken."""

    record: int = 0
    rows: int = 0


def find(*folders: Path) -> list[Segment]:
    """The segments in these folders in the order of their records; of several with the same name the first folder's.

    Raises CheckpointError for a segment of another format.
    """
    files: dict[str, Path] = {}
    for folder in folders:
        for path in folder.glob(f"*{SUFFIX}"):
            files.setdefault(path.name, path)
    found = []
    for _, path in sorted(files.items()):
        with path.open("rb") as file:
            start = file.read(HEADER_SIZE)
        try:
            header = read_header(start)
        except ValueError as error:
            raise CheckpointError(f"{path} cannot be read: {error}.") from error
        if header is not None:  # a kill may have left one that was just begun
            found.append(Segment(path, header))
    return found


def read(segments: Sequence[Segment], first: int = 0, stop: int | None = None) -> Iterator[Entry]:
    """The records with the numbers first .. stop - 1 in order. Numbers are left out where records are missing."""
    for segment, following in pairwise([*segments, None]):
        assert segment is not None
        # After a write that failed, its records were written again into the next segment.
        end = None if following is None else following.header.first
        if end is not None and end <= first:
            continue
        if stop is not None and segment.header.first >= stop:
            return
        number = segment.header.first
        rows = segment.header.rows
        for _, record in read_records(segment.path.read_bytes()):
            if number in (end, stop):
                break
            if number >= first:
                yield Entry(number, rows, record, segment.header.limits)
            number += 1
            rows += record.rows


def end_of(segments: Sequence[Segment]) -> End:
    """Where the journal ends."""
    if not segments:
        return End()
    last = segments[-1]
    number = last.header.first
    rows = last.header.rows
    for _, record in read_records(last.path.read_bytes()):
        number += 1
        rows += record.rows
    return End(number, rows)


def repair(folder: Path, disk: Disk) -> End:
    """Cut off the torn end of the newest segment, and remove files without a header. Returns where the journal ends.

    Only a segment that a process was writing can be torn, and each process begins a new one.
    """
    segments = find(folder)
    valid = {segment.path for segment in segments}
    for path in folder.glob(f"*{SUFFIX}"):
        if path not in valid:
            disk.remove(path)
    if segments:
        _cut_torn(segments[-1], disk)
    return end_of(segments)


def _cut_torn(segment: Segment, disk: Disk) -> None:
    data = segment.path.read_bytes()
    length = max([HEADER_SIZE, *(offset for offset, _ in read_records(data))])
    if length < len(data):
        log.warning(
            "%s ended in the middle of a message: %s bytes are cut off.", segment.path, f"{len(data) - length:,}"
        )
        disk.truncate(segment.path, length)


def cut(folder: Path, record: int, disk: Disk) -> None:
    """Remove all records from this number on. Other links to the files keep them."""
    found = find(folder)
    # From the end, so that no gap is left if this is interrupted.
    for segment in reversed(found):
        if segment.header.first >= record:
            disk.remove(segment.path)
            continue
        data = segment.path.read_bytes()
        offsets = [HEADER_SIZE, *(offset for offset, _ in read_records(data))]
        left = record - segment.header.first
        if left < len(offsets) - 1:
            # A new file: a checkpoint may have a link to the old one, and needs all of it.
            fresh = segment.path.with_suffix(".new")
            file = disk.create(fresh)
            file.write(data[: offsets[left]])
            file.sync()
            file.close()
            disk.rename(fresh, segment.path)
    if found:
        disk.sync_folder(folder)


def needed(segments: Sequence[Segment], rows: int) -> list[Segment]:
    """The segments that have rows from this number on, counted over the journal, and all behind them."""
    unneeded = 0
    for index, (_, following) in enumerate(pairwise(segments)):
        if following.header.rows <= rows:
            unneeded = index + 1
    return list(segments[unneeded:])


def remove_before(folder: Path, rows: int, disk: Disk) -> None:
    """Remove the segments of which no row from this number on is needed."""
    segments = find(folder)
    kept = {segment.path for segment in needed(segments, rows)}
    for segment in segments:
        if segment.path not in kept:
            disk.remove(segment.path)


def link(segments: Sequence[Segment], folder: Path, end: int, disk: Disk, *, copies: bool = True) -> dict[str, int]:
    """Link the records before the number `end` of these segments into a new folder. Returns name -> bytes that belong
    to it: more may be appended later to the newest.

    Args:
        copies: copy them where the file system has no links; otherwise the folder is removed again, and has none.
    """
    disk.make_folder(folder)
    linked = {}
    for segment in segments:
        if segment.header.first >= end:
            continue
        # Before the link: what is appended in between does not belong to the checkpoint.
        size = segment.path.stat().st_size
        if not disk.link(segment.path, folder / segment.name):
            if not copies:
                disk.remove(folder)
                return {}
            disk.copy(segment.path, folder / segment.name, size)
        linked[segment.name] = size
    disk.sync_folder(folder)
    return linked
