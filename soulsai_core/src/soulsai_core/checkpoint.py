"""Checkpoints: folders that are complete or missing, readable on any machine, and free of executable code.

A checkpoint holds one safetensors file for each part of the learner's State, `values.json` for its values, `node.json`
for the node's own counters, and `manifest.json` with the sizes and SHA-256 hashes of all files, written last.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import safetensors
import safetensors.numpy

from soulsai_core.errors import CheckpointError
from soulsai_core.messages import Arrays, State

FORMAT = 2
MANIFEST = "manifest.json"
VALUES = "values.json"
NODE = "node.json"
_SUFFIX = ".safetensors"


class FileRecord(msgspec.Struct, frozen=True):
    """Size in bytes and hash of one file when it was written."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """The training that a checkpoint belongs to, and the checkpoint's files."""

    format: int
    identity: dict[str, Any]
    files: dict[str, FileRecord]


def write(path: Path, state: State, node: dict[str, Any], identity: dict[str, Any]) -> None:
    """Write a checkpoint to `path`, and replace the one that is there.

    If the process is killed at any time, a complete checkpoint remains: the new folder is written next to the old one,
    synced and renamed, and the old one is kept as `<name>.old` until the new one is in place.

    Args:
        node: JSON-able counters of the training node.
        identity: the training that the checkpoint belongs to (algorithm, environment, spaces), compared by `read`.

    Raises OSError if the disk fails or is full, CheckpointError if the state cannot be written at all.
    """
    fresh = path.with_name(path.name + ".new")
    old = path.with_name(path.name + ".old")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for part, arrays in state.arrays.items():
        _write_arrays(fresh / (part + _SUFFIX), arrays)
    _write_json(fresh / VALUES, state.values)
    _write_json(fresh / NODE, node)
    files = {file.name: FileRecord(file.stat().st_size, _sha256(file)) for file in sorted(fresh.iterdir())}
    _write_json(fresh / MANIFEST, msgspec.to_builtins(Manifest(FORMAT, identity, files)))
    # Files are synced before the folder, and the folder before its new name: after a power failure a name never leads
    # to a folder whose content is not on the disk.
    for file in fresh.iterdir():
        _sync(file)
    _sync(fresh)
    if path.exists():
        # A folder cannot replace another in one step: between the two renames `read` finds the old one.
        shutil.rmtree(old, ignore_errors=True)
        path.rename(old)
    fresh.rename(path)
    _sync(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def read(path: Path, identity: dict[str, Any] | None = None) -> tuple[State, dict[str, Any]]:
    """The learner's state and the node's counters from `path`, or from `<name>.old` if a kill interrupted its
    replacement.

    Raises CheckpointError if the checkpoint is missing or damaged, or belongs to another training than `identity`.
    """
    folder, manifest = _find(path)
    if identity is not None:
        _compare(folder, manifest.identity, identity)
    parts = [name.removesuffix(_SUFFIX) for name in manifest.files if name.endswith(_SUFFIX)]
    arrays = {part: _read_arrays(folder, part) for part in parts}
    return State(arrays, _read_json(folder, VALUES)), _read_json(folder, NODE)


def read_part(path: Path, part: str) -> tuple[Arrays, dict[str, Any]]:
    """One part of the learner's state, and the node's counters. No other file is read or verified."""
    folder, _ = _find(path, part + _SUFFIX, NODE)
    return _read_arrays(folder, part), _read_json(folder, NODE)


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
    except (OSError, msgspec.DecodeError) as error:
        raise CheckpointError(f"{folder} is not a complete checkpoint: its {MANIFEST} cannot be read.") from error
    if manifest.format != FORMAT:
        raise CheckpointError(f"{folder} has checkpoint format {manifest.format}; this version reads format {FORMAT}.")
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
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder} cannot be read: {error}") from error


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _write_arrays(path: Path, arrays: Arrays) -> None:
    try:
        safetensors.numpy.save_file({name: np.asarray(array, order="C") for name, array in arrays.items()}, path)
    except safetensors.SafetensorError as error:
        # safetensors reports a full disk in this way, too.
        raise OSError(f"{path.name}: {error}") from error


def _write_json(path: Path, value: object) -> None:
    try:
        text = json.dumps(value, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path.name} cannot be written: the learner's values are not JSON ({error}).") from error
    path.write_text(text, encoding="utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Write a file or folder through to the disk. Does nothing on Windows, which cannot sync folders."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
