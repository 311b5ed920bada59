"""The form of the journal's files: segments of records.

A segment is a file of a header and records, which are appended one after another and never changed. A record is a
prefix and a payload. Header and records have a checksum each (CRC-32), so that what a kill or a power cut tore apart is
recognized: a segment ends before its first record that is cut off or does not fit its checksum.

A message is written as it came from the client, with the iteration at which it was judged. Together with the limits in
the segment's header that is enough to repeat the judgment: a message is never judged by a later model.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

MAGIC = b"SOULJRNL"
FORMAT = 2
_HEADER = struct.Struct("<8sHHIQQQI")
# Length, iteration (32 bits and 16 above them), rows, kind, checksum. Short, since a message of one row of a small
# environment has about 200 bytes.
_PREFIX = struct.Struct("<IIHIBI")
HEADER_SIZE = _HEADER.size

MESSAGE, CLIENTS, RESUMED, UPDATE, TAKEN = 1, 2, 3, 4, 5
"""Kinds of records: a client's message; the names of the clients that are connected from now on; the iteration with
which a resumed training goes on, without an update; an update of a learner that decides itself when it is ready, with
the iteration that it makes; a message with steps of another run, with which this one began. The payloads of the
second and third are MessagePack, that of the fourth is empty."""


class Limits(NamedTuple):
    """By what messages were judged.

    Attributes:
        max_staleness: as in `Sync`.
        sources: bit i is set if rows of the source i were learned from.
    """

    max_staleness: int
    sources: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a segment begins with.

    Attributes:
        first: number of its first record, counted from 0 over the whole run.
        rows: rows before it, those admitted in the run and those taken from another one.
        limits: of all its records.
    """

    first: int
    rows: int
    limits: Limits

    def encoded(self) -> bytes:
        """The header as bytes."""
        body = _HEADER.pack(MAGIC, FORMAT, 0, self.limits.max_staleness, self.limits.sources, self.first, self.rows, 0)
        return body[:-4] + struct.pack("<I", zlib.crc32(body[:-4]))


class Record(NamedTuple):
    """One record.

    Attributes:
        payload: the message, or what belongs to its kind.
        iteration: the newest model's when it was judged.
        rows: that were admitted or taken.
        kind: one of those above.
    """

    payload: bytes
    iteration: int
    rows: int = 0
    kind: int = MESSAGE

    def encoded(self) -> tuple[bytes, bytes]:
        """Prefix and payload."""
        low = self.iteration & 0xFFFF_FFFF
        fields = _PREFIX.pack(len(self.payload), low, self.iteration >> 32, self.rows, self.kind, 0)[:-4]
        return fields + struct.pack("<I", zlib.crc32(self.payload, zlib.crc32(fields))), self.payload

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return _PREFIX.size + len(self.payload)


def read_header(data: bytes) -> Header | None:
    """The header in the first bytes of a file, None if they are not one. Raises ValueError for another format."""
    if len(data) < HEADER_SIZE:
        return None
    magic, number, _, max_staleness, sources, first, rows, checksum = _HEADER.unpack_from(data)
    if magic != MAGIC:
        return None
    if number != FORMAT:
        raise ValueError(f"it has format {number}; this version reads format {FORMAT}")
    if checksum != zlib.crc32(data[: HEADER_SIZE - 4]):
        return None
    return Header(first, rows, Limits(max_staleness, sources))


def read_records(data: bytes) -> Iterator[tuple[int, Record]]:
    """Each record of a file's content with the offset behind it, up to the first that is cut off or damaged."""
    view = memoryview(data)
    offset = HEADER_SIZE
    while offset + _PREFIX.size <= len(data):
        length, low, high, rows, kind, checksum = _PREFIX.unpack_from(data, offset)
        start = offset + _PREFIX.size
        if length > len(data) - start:
            return
        payload = view[start : start + length]
        if zlib.crc32(payload, zlib.crc32(view[offset : start - 4])) != checksum:
            return
        offset = start + length
        yield offset, Record(bytes(payload), high << 32 | low, rows, kind)
