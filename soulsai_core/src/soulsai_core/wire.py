"""Messages of steps, and weights, as bytes.

A message of steps is: magic "SOUL", format number, header length, body length, CRC-32 of header and body; then the
header (MessagePack), then the body: raw little-endian arrays. First come the columns and what is in `after`, those of
the largest numbers first so that all of them lie aligned, then columns by name, then `after` by name; last the sparse
columns by name, each as its uint32 row numbers and its values. How many rows `after` has follows from the segments.
Nothing is ever unpickled, and what does not fit the announced columns is rejected.
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
from soulsai_core.messages import Arrays, ArraySpec, Weights
from soulsai_core.steps import END, Closed, Sparse, StepBatch, flaw, has_after
from soulsai_core.steps.columns import ColumnCheck

MAGIC = b"SOUL"
FORMAT = 2
_PREFIX = struct.Struct("<4sHHIQI")
_HEADER_LIMIT = 256 * 1024
_NAME_LIMIT = 128
_SEGMENT = END + 1
_ROW_NUMBER = np.dtype("<u4")

REASONS = frozenset(
    {
        *("oversized", "truncated", "magic", "format", "checksum", "header", "segments"),
        *("unknown_field", "missing_field", "dtype", "shape", "rows", "nonfinite", "bounds"),
    }
)
"""Why a message may be rejected by the decoder; each is counted under its name."""

Column = tuple[str, str, tuple[int, ...]]
"""Name, dtype and shape of one row."""

Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who sent the message, in which training, its number among the client's, and its steps but for their values.

    Attributes:
        segments: the table of segments, row after row.
        columns: sorted by name.
        sparse: those that the message has of the sparse columns, sorted by name.
        counts: rows of each of them.
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


@dataclass(frozen=True, slots=True)
class StepMessage:
    """A decoded message. The arrays of its steps are read-only views of the bytes."""

    header: Header
    steps: StepBatch


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Header)


def encode_steps(run_id: str, client: str, number: int, steps: StepBatch) -> bytes:
    """The message for these steps; `number` counts the client's messages from 1."""
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
        )
    )
    body = b"".join(part.data if part.size else b"" for part in parts)
    checksum = zlib.crc32(body, zlib.crc32(header))
    return b"".join((_PREFIX.pack(MAGIC, FORMAT, 0, len(header), len(body), checksum), header, body))


def _layout(columns: Iterable[tuple[str, np.ndarray]]) -> tuple[Column, ...]:
    return tuple((name, column.dtype.str, column.shape[1:]) for name, column in columns)


def _size_of_numbers(array: np.ndarray) -> int:
    return array.dtype.itemsize


def _little_endian(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def open_message(data: bytes, max_bytes: int) -> tuple[Header, memoryview | bytes]:
    """Header and body of a message that is whole. Raises WireError; what the body holds is not looked at."""
    if len(data) > max_bytes:
        raise WireError("oversized", f"{len(data)} bytes, at most {max_bytes}")
    if len(data) < _PREFIX.size:
        raise WireError("truncated", f"{len(data)} bytes are not even a prefix")
    magic, number, reserved, header_length, body_length, checksum = _PREFIX.unpack_from(data)
    if magic != MAGIC:
        raise WireError("magic", f"begins with {magic!r} instead of {MAGIC!r}")
    if number != FORMAT or reserved != 0:
        raise WireError("format", f"format {number}.{reserved}, this node reads {FORMAT}.0")
    if header_length > _HEADER_LIMIT:
        raise WireError("oversized", f"a header of {header_length} bytes, at most {_HEADER_LIMIT}")
    if len(data) != _PREFIX.size + header_length + body_length:
        raise WireError("truncated", f"{len(data)} bytes, {_PREFIX.size + header_length + body_length} announced")
    view = memoryview(data)
    if zlib.crc32(view[_PREFIX.size :]) != checksum:
        raise WireError("checksum", "header and body do not match their CRC-32")
    try:
        header = _decoder.decode(view[_PREFIX.size : _PREFIX.size + header_length])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError("header", str(error)) from error
    if not header.client or len(header.client) > _NAME_LIMIT or header.number < 1:
        raise WireError("header", "no usable client name or message number", header.client[:_NAME_LIMIT])
    return header, _aligned(view, _PREFIX.size + header_length)


class StepDecoder:
    """Decodes messages against the announced columns.

    Args:
        columns: name -> spec of one row, with its bounds.
        observed: names of the columns that `after` has too: the observation's parts, and the mask.
        max_bytes: larger messages are rejected unread.
        max_streams: streams that one client may have.
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
        self._sparse = {check.name: check for check in checks if columns[check.name].sparse}
        self._columns = _columns(dense)
        self._row_bytes = sum(check.row_bytes for check in dense)
        self._after_bytes = sum(check.row_bytes for check in after)
        parts = [*((check, False) for check in dense), *((check, True) for check in after)]
        self._parts = sorted(parts, key=lambda part: part[0].dtype.itemsize, reverse=True)
        self._max_bytes = max_bytes
        self._max_streams = max_streams

    def decode(self, data: bytes) -> StepMessage:
        """The message in `data`. Raises WireError with one of REASONS, and with the sender where the header is good."""
        header, body = open_message(data, self._max_bytes)
        try:
            return StepMessage(header, self._read(header, body))
        except WireError as error:
            error.client = header.client
            error.number = header.number
            error.rows = max(min(header.rows, len(body)), 1)  # a row has one byte at least
            raise

    def _read(self, header: Header, body: memoryview | bytes) -> StepBatch:
        if header.columns != self._columns:
            raise _layout_error(header.columns, self._columns)
        if header.rows < (header.closed is None):
            raise WireError("rows", f"{header.rows} rows")
        segments = self._segments(header)
        followed = int(np.count_nonzero(has_after(segments)))
        dense = header.rows * self._row_bytes + followed * self._after_bytes
        if len(body) != dense + self._sparse_bytes(header):
            raise WireError("rows", f"{header.rows} rows, and {followed} after them, do not make {len(body)} bytes")
        columns: Arrays = {}
        after: Arrays = {}
        offset = 0
        with np.errstate(all="ignore"):  # what came from outside shall not fill the log
            for check, is_after in self._parts:
                rows, arrays = (followed, after) if is_after else (header.rows, columns)
                arrays[check.name] = check.read(body, offset, rows)
                offset += rows * check.row_bytes
            sparse = self._read_sparse(header, body, offset) if self._sparse else {}
        return StepBatch(segments, columns, after, sparse, None if header.closed is None else Closed(*header.closed))

    def _segments(self, header: Header) -> np.ndarray:
        try:
            segments = np.array(header.segments, np.int64).reshape(-1, _SEGMENT)
        except (ValueError, OverflowError) as error:
            raise WireError("segments", f"{len(header.segments)} numbers make no table of segments") from error
        wrong = flaw(segments, header.rows, self._max_streams)
        if wrong is not None:
            raise WireError("segments", wrong)
        return segments

    def _sparse_bytes(self, header: Header) -> int:
        """Size of the sparse columns in the body, once they are found to be those that were announced."""
        if not header.sparse and not header.counts:
            return 0
        names = {column[0] for column in header.sparse}
        expected = _columns(check for name, check in self._sparse.items() if name in names)
        if header.sparse != expected:
            raise _layout_error(header.sparse, expected)
        if len(header.counts) != len(expected):
            raise WireError("header", "not each sparse column has a number of rows")
        sizes = (self._sparse[name].row_bytes + _ROW_NUMBER.itemsize for name, _, _ in expected)
        return sum(rows * size for rows, size in zip(header.counts, sizes, strict=True))

    def _read_sparse(self, header: Header, body: memoryview | bytes, offset: int) -> dict[str, Sparse]:
        """All sparse columns; those that the message does not have are empty."""
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
    """What follows `start`, where numpy computes fast; that is worth a copy."""
    return view[start:] if start % 8 == 0 else bytes(view[start:])


def _layout_error(columns: tuple[Column, ...], expected: tuple[Column, ...]) -> WireError:
    """Which of the ways not to fit it is; names are cut, since they come from outside."""
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
    """Raises WireError if these are not the weights of this iteration."""
    try:
        arrays = safetensors.numpy.load(payload)
        (length,) = struct.unpack_from("<Q", payload)
        metadata = msgspec.json.decode(payload[8 : 8 + length])["__metadata__"]
        weights = Weights(int(metadata["iteration"]), arrays, int(metadata["env_steps"]))
        if "quota" in metadata:
            weights = replace(weights, quota=int(metadata["quota"]))
    except (safetensors.SafetensorError, msgspec.DecodeError, struct.error, KeyError, ValueError, TypeError) as error:
        raise WireError("weights", str(error)) from error
    if weights.iteration != iteration:
        raise WireError("weights", f"iteration {weights.iteration} where {iteration} was announced")
    return weights
