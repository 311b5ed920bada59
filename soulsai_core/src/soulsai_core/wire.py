"""Messages of steps, and weights, as bytes.

A message of steps is a prefix, a header and a body:

- prefix: magic "SOUL", format number, reserved zeros, header length, body length, CRC-32 of header and body;
- header: MessagePack of `Header`;
- body: raw little-endian arrays. First come the columns and what is in `after`, those with the largest dtypes first,
  then columns before `after`, each by name. Last come the sparse columns by name: uint32 row numbers, then values.

Largest dtypes first keeps all columns aligned without padding, whatever the number of rows. The number of rows in
`after` is not sent, since it follows from the segments.

Messages come from machines that the owner of the node may not control: nothing is ever unpickled, each length is
checked before it is used, and a message that does not fit the announced columns is rejected with a counted reason.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated

import msgspec
import numpy as np
import safetensors
import safetensors.numpy

from soulsai_core.errors import WireError
from soulsai_core.messages import UNREADABLE, Arrays, ArraySpec, Weights, is_plain, plain
from soulsai_core.steps import (
    SEGMENT_COLUMNS,
    Closed,
    ColumnCheck,
    Sparse,
    StepBatch,
    after_rows,
    segments_error,
    taken_columns,
)

MAGIC = b"SOUL"
FORMAT = 2
_PREFIX = struct.Struct("<4sHHIQI")

# Bytes. A header has mostly segments, of which a message has 4096 at most (`client.batching`) with 7 numbers each.
_HEADER_LIMIT = 256 * 1024

# Characters of a client's name, and of a column's name in an error message.
_NAME_LIMIT = 128
_ROW_NUMBER = np.dtype("<u4")

_NO_LIMIT = 2**31

REASONS = frozenset(
    {
        *("oversized", "truncated", "magic", "format", "checksum", "header", "segments"),
        *("unknown_field", "missing_field", "dtype", "shape", "rows", "nonfinite", "bounds"),
    }
)
"""Why the decoder may reject a message; rejected messages are counted by reason."""

Column = tuple[str, str, tuple[int, ...]]
"""Name, dtype and shape of one row."""

Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """Sender and form of a message: all but the values of its columns.

    A struct of msgspec: its decoder checks all types while it parses, and takes no other type than these.

    Attributes:
        number: of the message, among the client's; counted from 1.
        first: number of the oldest message that may still come: those before it were taken in or given up. 0: this one.
        attempt: how often the client has begun to send again.
        waiting: rows that the client has already made and will send after this message and those sent with it.
        node: id of the node that the client has heard last.
        segments: the table of segments, row after row.
        columns: sorted by name.
        sparse: the sparse columns that the message has, sorted by name.
        counts: number of rows of each sparse column.
        closed: iteration and rows (see `Closed`).
    """

    run_id: str
    client: str
    number: int
    rows: int
    segments: tuple[int, ...]
    columns: tuple[Column, ...]
    sparse: tuple[Column, ...] = ()
    counts: tuple[Count, ...] = ()
    closed: tuple[Count, Count] | None = None
    first: Count = 0
    attempt: Count = 0
    waiting: Count = 0
    node: str = ""


@dataclass(frozen=True, slots=True)
class StepMessage:
    """A decoded message. The arrays of its steps are read-only views of the message's bytes."""

    header: Header
    steps: StepBatch


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Header)


def encode_steps(
    run_id: str,
    client: str,
    number: int,
    steps: StepBatch,
    *,
    first: int = 0,
    attempt: int = 0,
    waiting: int = 0,
    node: str = "",
) -> bytes:
    """The message with these steps; `number` counts the client's messages from 1. See `Header` for the others."""
    columns = [(name, _little_endian(steps.columns[name])) for name in sorted(steps.columns)]
    after = [_little_endian(steps.after[name]) for name in sorted(steps.after)]
    sparse = [(name, _little_endian(steps.sparse[name].values)) for name in sorted(steps.sparse)]
    parts = sorted([*(column for _, column in columns), *after], key=_size_of_numbers, reverse=True)
    for name, values in sparse:
        parts += (np.asarray(steps.sparse[name].rows, _ROW_NUMBER), values)
    header = _encoder.encode(
        Header(
            run_id=run_id,
            client=client,
            number=number,
            rows=len(steps),
            segments=tuple(steps.segments.ravel().tolist()),
            columns=_layout(columns),
            sparse=_layout(sparse),
            counts=tuple(len(values) for _, values in sparse),
            closed=steps.closed,
            first=first,
            attempt=attempt,
            waiting=waiting,
            node=node,
        )
    )
    body = b"".join(part.data if part.size else b"" for part in parts)  # an empty array has no buffer to join
    checksum = zlib.crc32(body, zlib.crc32(header))
    return b"".join((_PREFIX.pack(MAGIC, FORMAT, 0, len(header), len(body), checksum), header, body))


def _layout(columns: Iterable[tuple[str, np.ndarray]]) -> tuple[Column, ...]:
    return tuple((name, column.dtype.str, column.shape[1:]) for name, column in columns)


def _size_of_numbers(array: np.ndarray) -> int:
    return array.dtype.itemsize


def _little_endian(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def open_message(data: bytes, max_bytes: int) -> tuple[Header, memoryview | bytes]:
    """Header and body of a message, once its lengths and checksum are right. Raises WireError. The values in the body
    are not looked at."""
    if len(data) > max_bytes:
        raise WireError("oversized", f"{len(data)} bytes, at most {max_bytes}")
    if len(data) < _PREFIX.size:
        raise WireError("truncated", f"{len(data)} bytes are less than a prefix")
    magic, number, reserved, header_length, body_length, checksum = _PREFIX.unpack_from(data)
    if magic != MAGIC:
        raise WireError("magic", f"begins with {magic!r} instead of {MAGIC!r}")
    if number != FORMAT or reserved != 0:
        raise WireError("format", f"format {number}.{reserved}, this node reads {FORMAT}.0")
    if header_length > _HEADER_LIMIT:
        raise WireError("oversized", f"a header of {header_length} bytes, at most {_HEADER_LIMIT}")
    if len(data) != _PREFIX.size + header_length + body_length:
        raise WireError("truncated", f"{len(data)} bytes, {_PREFIX.size + header_length + body_length} announced")
    # Against damage in transit and in storage, not against malice: who may send is settled by the server's passwords.
    view = memoryview(data)
    if zlib.crc32(view[_PREFIX.size :]) != checksum:
        raise WireError("checksum", "header and body do not match their CRC-32")
    try:
        header = _decoder.decode(view[_PREFIX.size : _PREFIX.size + header_length])
    except UNREADABLE as error:
        raise WireError("header", str(error)) from error
    if not header.client or not is_plain(header.client, _NAME_LIMIT) or header.number < 1:
        raise WireError("header", "no usable client name or message number", plain(header.client, _NAME_LIMIT))
    return header, _aligned(view, _PREFIX.size + header_length)


class StepDecoder:
    """Decodes messages, and checks them against the announced columns.

    Args:
        columns: name -> spec of one row, with its bounds.
        observed: names of the columns that `after` has, too: the observation's parts, and the mask.
        max_bytes: larger messages are rejected unread.
        max_streams: number of streams that one client may have.

    Attributes:
        columns, observed: as given.
    """

    def __init__(
        self,
        columns: Mapping[str, ArraySpec],
        observed: Collection[str],
        max_bytes: int = 64 * 2**20,
        max_streams: int = 256,
    ) -> None:
        checks = [ColumnCheck.of(name, columns[name]) for name in sorted(columns)]
        dense = [check for check in checks if not columns[check.name].sparse]
        after = [check for check in dense if check.name in observed]
        self.columns = dict(columns)
        self.observed = frozenset(observed)
        self._sparse = {check.name: check for check in checks if columns[check.name].sparse}
        self._columns = _columns(dense)
        self._row_bytes = sum(check.row_bytes for check in dense)
        self._after_bytes = sum(check.row_bytes for check in after)
        parts = [*((check, False) for check in dense), *((check, True) for check in after)]
        self._parts = sorted(parts, key=lambda part: part[0].dtype.itemsize, reverse=True)
        self._max_bytes = max_bytes
        self._max_streams = max_streams

    def of_taken(self) -> StepDecoder:
        """A decoder of the steps of other runs, which come from the own disk and not from clients."""
        return StepDecoder(taken_columns(self.columns, self.observed), self.observed, _NO_LIMIT, _NO_LIMIT)

    def decode(self, data: bytes) -> StepMessage:
        """The message in `data`. Raises WireError with one of REASONS, and with the sender if the header is valid."""
        header, body = self.open(data)
        return StepMessage(header, self.read(header, body))

    def open(self, data: bytes) -> tuple[Header, memoryview | bytes]:
        """Header and body of a message, of which only size and checksum were looked at. Raises WireError."""
        return open_message(data, self._max_bytes)

    def read(self, header: Header, body: memoryview | bytes) -> StepBatch:
        """The steps of the message with this header and body. Raises WireError."""
        try:
            return self._read(header, body)
        except WireError as error:
            error.client = header.client
            error.number = header.number
            # What is counted as rejected must not be a number made up by the sender: a row has one byte at least.
            error.rows = max(min(header.rows, len(body)), 1)
            raise

    def _read(self, header: Header, body: memoryview | bytes) -> StepBatch:
        if header.columns != self._columns:
            raise _layout_error(header.columns, self._columns)
        if header.rows < (header.closed is None):
            raise WireError("rows", f"{header.rows} rows")
        segments = self._segments(header)
        followed = after_rows(segments)
        # Python's integers do not overflow, so a header cannot claim sizes that wrap around to the body's length.
        dense = header.rows * self._row_bytes + followed * self._after_bytes
        if len(body) != dense + self._sparse_bytes(header):
            raise WireError("rows", f"{header.rows} rows, and {followed} after them, do not make {len(body)} bytes")
        columns: Arrays = {}
        after: Arrays = {}
        offset = 0
        for check, is_after in self._parts:
            rows, arrays = (followed, after) if is_after else (header.rows, columns)
            arrays[check.name] = check.read(body, offset, rows)
            offset += rows * check.row_bytes
        sparse = self._read_sparse(header, body, offset) if self._sparse else {}
        return StepBatch(segments, columns, after, sparse, None if header.closed is None else Closed(*header.closed))

    def _segments(self, header: Header) -> np.ndarray:
        try:
            segments = np.array(header.segments, np.int64).reshape(-1, SEGMENT_COLUMNS)
        except (ValueError, OverflowError) as error:
            raise WireError("segments", f"{len(header.segments)} numbers make no table of segments") from error
        wrong = segments_error(segments, header.rows, self._max_streams)
        if wrong is not None:
            raise WireError("segments", wrong)
        return segments

    def _sparse_bytes(self, header: Header) -> int:
        """Size in bytes of the sparse columns in the body. Raises WireError for columns that were not announced."""
        if not header.sparse and not header.counts:
            return 0
        names = {column[0] for column in header.sparse}
        expected = _columns(check for name, check in self._sparse.items() if name in names)
        if header.sparse != expected:
            raise _layout_error(header.sparse, expected)
        if len(header.counts) != len(expected):
            raise WireError("header", "the numbers of rows do not match the sparse columns")
        sizes = (self._sparse[name].row_bytes + _ROW_NUMBER.itemsize for name, _, _ in expected)
        return sum(rows * size for rows, size in zip(header.counts, sizes, strict=True))

    def _read_sparse(self, header: Header, body: memoryview | bytes, offset: int) -> dict[str, Sparse]:
        """All announced sparse columns; those that the message does not have are empty."""
        counts = {column[0]: rows for column, rows in zip(header.sparse, header.counts, strict=True)}
        sparse = {}
        for name, check in self._sparse.items():
            count = counts.get(name, 0)
            rows = np.frombuffer(body, _ROW_NUMBER, count, offset).astype(np.int64)
            if count and (rows[-1] >= header.rows or (np.diff(rows) < 1).any()):
                raise WireError("rows", f"column {name} has row numbers that do not ascend below {header.rows}")
            offset += count * _ROW_NUMBER.itemsize
            sparse[name] = Sparse(rows, check.read(body, offset, count))
            offset += count * check.row_bytes
        return sparse


def _columns(checks: Iterable[ColumnCheck]) -> tuple[Column, ...]:
    return tuple((check.name, check.dtype.str, check.shape) for check in checks)


def _aligned(view: memoryview, start: int) -> memoryview | bytes:
    """The bytes from `start` on, at an address that is a multiple of 8. Numpy computes so much faster with aligned
    arrays that a copy of the body costs less."""
    return view[start:] if start % 8 == 0 else bytes(view[start:])


def _layout_error(columns: tuple[Column, ...], expected: tuple[Column, ...]) -> WireError:
    """In which way the columns are not those announced. Names come from the sender: they are cut and quoted, so that
    they can neither fill the log nor forge a line of it."""
    given = {name[:_NAME_LIMIT]: (dtype, shape) for name, dtype, shape in columns}
    wanted = {name: (dtype, shape) for name, dtype, shape in expected}
    if unknown := sorted(set(given) - set(wanted)):
        return WireError("unknown_field", f"column {unknown[0]!r} is not declared")
    if missing := sorted(set(wanted) - set(given)):
        return WireError("missing_field", f"column {missing[0]} is missing")
    for name, (dtype, shape) in wanted.items():
        if given[name][0] != dtype:
            return WireError("dtype", f"column {name} is {given[name][0][:16]!r}, not {dtype}")
        if given[name][1] != shape:
            return WireError("shape", f"column {name} has rows of {given[name][1][:16]}, not {shape}")
    return WireError("header", "the columns are not in sorted order, or one is there twice")


def encode_weights(weights: Weights) -> bytes:
    """Safetensors bytes, with iteration, environment steps and quota as metadata."""
    metadata = {"iteration": str(weights.iteration), "env_steps": str(weights.env_steps)}
    if weights.quota is not None:
        metadata["quota"] = str(weights.quota)
    return safetensors.numpy.save({name: np.asarray(a, order="C") for name, a in weights.arrays.items()}, metadata)


def decode_weights(iteration: int, payload: bytes) -> Weights:
    """The weights in `payload`. Raises WireError if they are damaged, or of another iteration than `iteration`."""
    try:
        arrays = safetensors.numpy.load(payload)
        # The library's loader drops the metadata: they are in the JSON header, behind its length.
        (length,) = struct.unpack_from("<Q", payload)
        metadata = msgspec.json.decode(payload[8 : 8 + length])["__metadata__"]
        weights = Weights(int(metadata["iteration"]), arrays, int(metadata["env_steps"]))
        if "quota" in metadata:
            weights = replace(weights, quota=int(metadata["quota"]))
    except (safetensors.SafetensorError, *UNREADABLE, struct.error, KeyError, ValueError, TypeError) as error:
        raise WireError("weights", str(error)) from error
    if weights.iteration != iteration:
        raise WireError("weights", f"iteration {weights.iteration} where {iteration} was announced")
    return weights
