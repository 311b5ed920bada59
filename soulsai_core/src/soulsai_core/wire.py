"""Sample messages and weights as bytes.

A sample message is: magic "SOUL", format number, header length, body length, CRC-32 of header and body; then the
header (MessagePack), then the body: the columns one after another in sorted order of their names, raw and
little-endian. Nothing is ever unpickled, and what does not fit the learner's declared columns is rejected.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import safetensors
import safetensors.numpy

from soulsai_core.errors import WireError
from soulsai_core.messages import Arrays, ArraySpec, SampleBatch, Weights

MAGIC = b"SOUL"
FORMAT = 1
ITERATION = "iteration"
_PREFIX = struct.Struct("<4sHHIQI")
_HEADER_LIMIT = 64 * 1024
_NAME_LIMIT = 128

REASONS = frozenset(
    {
        *("oversized", "truncated", "magic", "format", "checksum", "header"),
        *("unknown_field", "missing_field", "dtype", "shape", "rows", "nonfinite", "bounds"),
    }
)
"""Why a sample message may be rejected by the decoder; each is counted under its name."""

Column = tuple[str, str, tuple[int, ...]]
"""Name, dtype and shape of one row."""


class Header(msgspec.Struct, frozen=True):
    """Who sent the message, in which training, its number among the client's, its rows and their layout."""

    session: str
    client: str
    number: int
    rows: int
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class SampleMessage:
    """A decoded message. The batch's arrays are read-only views of the bytes."""

    header: Header
    batch: SampleBatch


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Header)


def encode_samples(session: str, client: str, number: int, batch: SampleBatch) -> bytes:
    """The message for one batch; `number` counts the client's messages from 1."""
    arrays = {ITERATION: batch.iteration, **batch.columns}
    names = sorted(arrays)
    parts = [_little_endian(arrays[name]) for name in names]
    columns = tuple((name, part.dtype.str, part.shape[1:]) for name, part in zip(names, parts, strict=True))
    header = _encoder.encode(Header(session, client, number, len(batch), columns))
    body = b"".join(part.data if part.size else b"" for part in parts)
    checksum = zlib.crc32(body, zlib.crc32(header))
    return b"".join((_PREFIX.pack(MAGIC, FORMAT, 0, len(header), len(body), checksum), header, body))


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


class SampleDecoder:
    """Decodes messages against what a learner declares.

    Args:
        columns: name -> spec of one row, without the iteration column, which every message has.
        max_bytes: larger messages are rejected unread.
        max_value: real numbers beyond this magnitude are out of bounds wherever a column has no bounds of its own.
    """

    def __init__(
        self, columns: Mapping[str, ArraySpec], max_bytes: int = 64 * 2**20, max_value: float = math.inf
    ) -> None:
        if ITERATION in columns:
            raise ValueError(f"a learner may not declare a column {ITERATION!r}: every message has one already")
        specs = {ITERATION: ArraySpec((), "int64", low=0), **columns}
        self._layout = tuple(_Field.of(name, specs[name], max_value) for name in sorted(specs))
        self._columns: tuple[Column, ...] = tuple((f.name, f.dtype.str, f.shape) for f in self._layout)
        self._row_bytes = sum(f.row_bytes for f in self._layout)
        self._max_bytes = max_bytes

    def decode(self, data: bytes) -> SampleMessage:
        """The message in `data`. Raises WireError with one of REASONS, and with the sender where the header is good."""
        header, body = open_message(data, self._max_bytes)
        try:
            return SampleMessage(header, self._read(header, body))
        except WireError as error:
            error.client, error.number = header.client, header.number
            raise

    def _read(self, header: Header, body: memoryview | bytes) -> SampleBatch:
        if header.columns != self._columns:
            raise _layout_error(header.columns, self._columns)
        if header.rows < 1 or header.rows * self._row_bytes != len(body):
            raise WireError("rows", f"{header.rows} rows do not make {len(body)} bytes")
        arrays: Arrays = {}
        offset = 0
        with np.errstate(all="ignore"):  # what came from outside shall not fill the log
            for field in self._layout:
                arrays[field.name] = field.read(body, offset, header.rows)
                offset += header.rows * field.row_bytes
        return SampleBatch(arrays.pop(ITERATION), arrays)


def _aligned(view: memoryview, start: int) -> memoryview | bytes:
    """What follows `start`, where numpy computes fast; that is worth a copy."""
    return view[start:] if start % 8 == 0 else bytes(view[start:])


@dataclass(frozen=True, slots=True)
class _Field:
    """One expected column and how to check its values."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    size: int
    row_bytes: int
    low: float | None
    high: float | None
    safe: float
    """Values whose sum of squares is below are all finite and within bounds, which saves looking at each."""

    @classmethod
    def of(cls, name: str, spec: ArraySpec, max_value: float) -> _Field:
        dtype = np.dtype(spec.dtype).newbyteorder("<")
        size = int(np.prod(spec.shape, dtype=np.int64))
        low, high, safe = spec.low, spec.high, 0.0
        if dtype.kind == "f":
            low = -max_value if low is None else low
            high = max_value if high is None else high
            safe = max(min(-low, high), 0.0) ** 2
        return cls(name, dtype, tuple(spec.shape), size, size * dtype.itemsize, low, high, safe)

    def read(self, body: memoryview | bytes, offset: int, rows: int) -> np.ndarray:
        flat = np.frombuffer(body, self.dtype, rows * self.size, offset)
        self._check(flat)
        return flat.reshape(rows, *self.shape) if self.shape else flat

    def _check(self, flat: np.ndarray) -> None:
        if self.dtype.kind == "f":
            squares = flat.dot(flat)  # takes a fifth of the time, and shows nearly always that nothing is to be found
            if squares < self.safe:
                return
            if not math.isfinite(squares) and not np.isfinite(flat).all():
                raise WireError("nonfinite", f"column {self.name} has NaN or infinite values")
        if self.dtype.kind == "b" and flat.view(np.uint8).max(initial=0) > 1:
            raise WireError("bounds", f"column {self.name} has bytes that are neither true nor false")
        if self.low is not None and flat.size and np.minimum.reduce(flat) < self.low:
            raise WireError("bounds", f"column {self.name} has values below {self.low}")
        if self.high is not None and flat.size and np.maximum.reduce(flat) > self.high:
            raise WireError("bounds", f"column {self.name} has values above {self.high}")


def _layout_error(columns: tuple[Column, ...], expected: tuple[Column, ...]) -> WireError:
    """Which of the ways not to fit it is; names are cut, since they come from outside."""
    given = {name[:_NAME_LIMIT]: (dtype, shape) for name, dtype, shape in columns}
    wanted = {name: (dtype, shape) for name, dtype, shape in expected}
    if unknown := sorted(set(given) - set(wanted)):
        return WireError("unknown_field", f"column {unknown[0]} is not declared")
    if missing := sorted(set(wanted) - set(given)):
        return WireError("missing_field", f"column {missing[0]} is missing")
    for name, (dtype, shape) in wanted.items():
        if given[name][0] != dtype:
            return WireError("dtype", f"column {name} is {given[name][0][:16]}, not {dtype}")
        if given[name][1] != shape:
            return WireError("shape", f"column {name} has rows of {given[name][1][:16]}, not {shape}")
    return WireError("header", "the columns are not in sorted order, or one is there twice")


def encode_weights(weights: Weights) -> bytes:
    """Safetensors bytes, with iteration and environment steps as metadata."""
    metadata = {"iteration": str(weights.iteration), "env_steps": str(weights.env_steps)}
    return safetensors.numpy.save({name: np.asarray(a, order="C") for name, a in weights.arrays.items()}, metadata)


def decode_weights(iteration: int, payload: bytes) -> Weights:
    """Raises WireError if these are not the weights of this iteration."""
    try:
        arrays = safetensors.numpy.load(payload)
        (length,) = struct.unpack_from("<Q", payload)
        metadata = msgspec.json.decode(payload[8 : 8 + length])["__metadata__"]
        weights = Weights(int(metadata["iteration"]), arrays, int(metadata["env_steps"]))
    except (safetensors.SafetensorError, msgspec.DecodeError, struct.error, KeyError, ValueError, TypeError) as error:
        raise WireError("weights", str(error)) from error
    if weights.iteration != iteration:
        raise WireError("weights", f"iteration {weights.iteration} where {iteration} was announced")
    return weights
