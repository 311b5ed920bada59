"""Checkpoints: folders that are complete or missing, readable on any machine, and free of executable code.

A checkpoint holds one safetensors file for each part of the learner's State, `values.json` for its values, `node.json`
for the node's own counters, and `manifest.json` with the sizes and SHA-256 hashes of these files, written last. The
rows of the replay buffer are not in it, but in the journal; a checkpoint that includes them has links to the journal's
segments in its folder `journal`, each record of which has a checksum of its own.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import safetensors
import safetensors.numpy

from soulsai_core.errors import CheckpointError
from soulsai_core.journal.disk import Disk
from soulsai_core.messages import UNREADABLE, Arrays, State

FORMAT = 3
MANIFEST = "manifest.json"
VALUES = "values.json"
NODE = "node.json"
JOURNAL = "journal"
_SUFFIX = ".safetensors"

_TYPES = {
    "bool": "BOOL", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64", "uint8": "U8", "uint16": "U16",
    "uint32": "U32", "uint64": "U64", "float16": "F16", "float32": "F32", "float64": "F64",
}  # fmt: skip
"""Names of numpy's types in safetensors files."""

T = TypeVar("T")

_ATTEMPTS = 5
"""How often a checkpoint is read that was replaced each time meanwhile."""

_METADATA = "__metadata__"
"""A name in safetensors files that no array can have."""

_LARGE = 2**20
"""Bytes of an array from which on it is written by itself. Smaller ones are written together: at each call the thread
that learns may wait for this one to be scheduled."""


class FileRecord(msgspec.Struct, frozen=True):
    """Size in bytes and hash of one file when it was written."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The training that a checkpoint belongs to, and the checkpoint's files.

    Attributes:
        journal: segment of the journal in the checkpoint's folder -> its bytes that belong to the checkpoint.
    """

    format: int
    identity: dict[str, Any]
    files: dict[str, FileRecord]
    journal: dict[str, int]


def write(
    path: Path,
    state: State,
    node: dict[str, Any],
    identity: dict[str, Any],
    *,
    link: Callable[[Path], dict[str, int]] | None = None,
    keep: Callable[[Path], object] | None = None,
    disk: Disk | None = None,
) -> None:
    """Write a checkpoint to `path`, and replace the one that is there.

    If the process is killed at any time, a complete checkpoint remains: the new folder is written next to the old one,
    synced and renamed, and the old one is kept as `<name>.old` until the new one is in place.

    Args:
        node: JSON-able counters of the training node.
        identity: the training that the checkpoint belongs to (algorithm, environment, spaces), compared by `read`.
        link: links segments of the journal into the given folder, and returns them as in `Manifest`; None:
            it has none.
        keep: moves the folder of the old checkpoint elsewhere; None: it is removed.

    Raises OSError if the disk fails or is full, CheckpointError if the state cannot be written at all.
    """
    disk = disk or Disk()
    fresh = path.with_name(path.name + ".new")
    old = path.with_name(path.name + ".old")
    disk.remove(fresh)
    disk.make_folder(fresh)
    files = {name: _write_file(fresh / name, content, disk) for name, content in _contents(state, node)}
    manifest = Manifest(FORMAT, identity, files, {} if link is None else link(fresh / JOURNAL))
    _write_file(fresh / MANIFEST, [_json(MANIFEST, msgspec.to_builtins(manifest))], disk)
    # Files are synced before the folder, and the folder before its new name: after a power failure a name never leads
    # to a folder whose content is not on the disk.
    disk.sync_folder(fresh)
    if path.exists():
        # A folder cannot replace another in one step: between the two renames `read` finds the old one.
        disk.remove(old)
        disk.rename(path, old)
    disk.rename(fresh, path)
    disk.sync_folder(path.parent)
    if keep is not None and old.exists():
        keep(old)
    disk.remove(old)


def _contents(state: State, node: dict[str, Any]) -> Iterator[tuple[str, Iterable[bytes | memoryview]]]:
    """Name and content of each file but the manifest, one after another."""
    for part, arrays in state.arrays.items():
        yield part + _SUFFIX, _joined(_tensors(part, arrays))
    yield VALUES, [_json(VALUES, state.values)]
    yield NODE, [_json(NODE, node)]


def _tensors(part: str, arrays: Arrays) -> Iterator[bytes | memoryview]:
    """A safetensors file in pieces: the length of the header, the header as JSON, and the arrays as they are in memory.

    The library would copy all of them into one object, during which no other thread runs, and no gradient step is
    made.
    """
    header = {}
    ordered = []
    end = 0
    # The widest types first, so that each array begins at a multiple of its type's size.
    for name, array in sorted(arrays.items(), key=lambda item: (-np.asarray(item[1]).itemsize, item[0])):
        plain = np.asarray(array, order="C")
        if plain.dtype.name not in _TYPES or name == _METADATA:
            raise CheckpointError(
                f"{part} cannot be written: no array can have the type {plain.dtype.name} or the name {_METADATA!r}, "
                f"as {name!r} has."
            )
        plain = plain.astype(plain.dtype.newbyteorder("<"), copy=False)
        header[name] = {
            "dtype": _TYPES[plain.dtype.name], "shape": plain.shape, "data_offsets": (end, end + plain.nbytes)
        }  # fmt: skip
        end += plain.nbytes
        ordered.append(plain)
    text = msgspec.json.encode(header)
    # Filled up to a multiple of 8, as the library does it, so that the arrays behind it are aligned.
    text += b" " * (-len(text) % 8)
    yield struct.pack("<Q", len(text)) + text
    for plain in ordered:
        yield plain.reshape(-1).view(np.uint8).data


def _joined(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Large pieces as they are, and small ones between them put together."""
    for large, group in groupby(pieces, key=lambda piece: len(piece) >= _LARGE):
        if large:
            yield from group
        else:
            yield b"".join(group)


def _write_file(path: Path, content: Iterable[bytes | memoryview], disk: Disk) -> FileRecord:
    size = 0
    digest = hashlib.sha256()
    file = disk.create(path)
    try:
        for piece in content:
            file.write(piece)
            # Of what was given and not of what the disk has, so that the hash also finds what was written wrongly.
            digest.update(piece)
            size += len(piece)
        file.sync()
    finally:
        file.close()
    return FileRecord(size, digest.hexdigest())


def read(path: Path, identity: dict[str, Any] | None = None) -> tuple[State, dict[str, Any]]:
    """The learner's state and the node's counters from `path`, or from `<name>.old` if a kill interrupted its
    replacement.

    Another process may replace it meanwhile, as a run that goes on does: all that is read is of one checkpoint.

    Raises CheckpointError if the checkpoint is missing or damaged, or belongs to another training than `identity`.
    """
    return _of_one(path, lambda: _read(path, identity))


def _read(path: Path, identity: dict[str, Any] | None) -> tuple[State, dict[str, Any]]:
    folder, manifest = _find(path)
    if identity is not None:
        _compare(folder, manifest.identity, identity)
    parts = [name.removesuffix(_SUFFIX) for name in manifest.files if name.endswith(_SUFFIX)]
    arrays = {part: _read_arrays(folder, part) for part in parts}
    return State(arrays, _read_json(folder, VALUES)), _read_json(folder, NODE)


def read_part(path: Path, part: str) -> tuple[Arrays, dict[str, Any]]:
    """One part of the learner's state, and the node's counters. No other file is read or verified."""
    return _of_one(path, lambda: _read_part(path, part))


def _read_part(path: Path, part: str) -> tuple[Arrays, dict[str, Any]]:
    folder, _ = _find(path, part + _SUFFIX, NODE)
    return _read_arrays(folder, part), _read_json(folder, NODE)


def identity(path: Path) -> dict[str, Any]:
    """The training that the checkpoint at `path` belongs to, as it was given to `write`."""
    return _of_one(path, lambda: _find(path, NODE))[1].identity


def journal_of(path: Path) -> Path | None:
    """The folder with the segments of the journal in the checkpoint at `path`, None if it has none."""
    folder, manifest = _of_one(path, lambda: _find(path, NODE))
    return folder / JOURNAL if manifest.journal else None


def _of_one(path: Path, read: Callable[[], T]) -> T:
    """What `read` gives once the checkpoint at `path` is not replaced meanwhile."""
    for _ in range(_ATTEMPTS):
        before = _written(path)
        try:
            found = read()
        except CheckpointError:
            if _written(path) == before:
                raise
        else:
            if _written(path) == before:
                return found
    raise CheckpointError(f"{path} is replaced faster than it can be read; copy the run's folder, or stop the run.")


def _written(path: Path) -> bytes | None:
    """What tells one checkpoint from the next: its manifest with all hashes."""
    try:
        return (path / MANIFEST).read_bytes()
    except OSError:
        return None


def _find(path: Path, *names: str) -> tuple[Path, Manifest]:
    """The folder to read from, and its manifest. Verifies the named files, all of them if none is named."""
    old = path.with_name(path.name + ".old")
    problem = f"There is no checkpoint at {path}."
    for folder in (path, old):
        if folder.is_dir():
            try:
                return folder, _verify(folder, names)
            except CheckpointError as error:
                problem = str(error)
    raise CheckpointError(problem)


def _verify(folder: Path, names: tuple[str, ...]) -> Manifest:
    """The manifest. Raises CheckpointError unless the files have the sizes and hashes in it."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, *UNREADABLE) as error:
        raise CheckpointError(f"{folder} is not a complete checkpoint: its {MANIFEST} cannot be read.") from error
    if manifest.format != FORMAT:
        raise CheckpointError(
            f"{folder} has checkpoint format {manifest.format}; this version reads format {FORMAT}. Go on with the "
            "version that wrote it, or start a new training."
        )
    for name in names or manifest.files:
        file = folder / name
        written = manifest.files.get(name)
        if written is None:
            raise CheckpointError(f"{folder} has no {name}.")
        if not file.is_file() or file.stat().st_size != written.size or _sha256(file) != written.sha256:
            raise CheckpointError(f"{folder} is damaged: {name} is not as it was written.")
    return manifest


def _compare(folder: Path, given: dict[str, Any], wanted: dict[str, Any]) -> None:
    # Through JSON, as the identity in the manifest went: tuples become lists.
    for key, value in json.loads(json.dumps(wanted)).items():
        if given.get(key) != value:
            raise CheckpointError(
                f"{folder} belongs to another training: its {key} is {_short(given.get(key))}, this one's is "
                f"{_short(value)}. Start without --resume, or with the configuration in its folder."
            )


def _read_arrays(folder: Path, part: str) -> Arrays:
    try:
        return safetensors.numpy.load_file(folder / (part + _SUFFIX))
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{folder} cannot be read: {error}") from error


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        return json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{folder} cannot be read: {error}") from error


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _json(name: str, value: object) -> bytes:
    try:
        return json.dumps(value, indent=1, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{name} cannot be written: the learner's values are not JSON ({error}).") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
