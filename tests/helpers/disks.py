"""Disks that fail, die or forget, in the place of the real one."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from soulsai_core.journal.disk import Disk, OpenFile


class Killed(BaseException):
    """The process has ended: no code may handle this."""


class DyingDisk(Disk):
    """Ends the process before a step; a write is then half done. Nothing is really synced, which would take most of the
    time and show nothing.

    Args:
        steps: until the end, None: never.

    Attributes:
        dead: whether the process has ended.
        died_at: what it was about to change then.
    """

    def __init__(self, steps: int | None) -> None:
        self._left = steps
        self.dead = False
        self.died_at: Path | str = ""

    def step(self, changed: Path | str) -> None:
        """Something is about to change."""
        if self.dead or self._left == 0:
            if not self.dead:
                self.died_at = changed
            self.dead = True
            raise Killed
        if self._left is not None:
            self._left -= 1

    def create(self, path: Path) -> OpenFile:
        self.step(path)
        file = super().create(path)
        return _DyingFile(path, file._file, self)

    def sync_folder(self, path: Path) -> None:
        self.step(path)

    def make_folder(self, path: Path) -> None:
        self.step(path)
        super().make_folder(path)

    def rename(self, path: Path, new: Path) -> None:
        self.step(path)
        super().rename(path, new)

    def remove(self, path: Path) -> None:
        if path.is_dir():
            for inner in sorted(path.iterdir()):
                self.remove(inner)
        if path.exists():
            self.step(path)
        super().remove(path)

    def truncate(self, path: Path, length: int) -> None:
        self.step(path)
        super().truncate(path, length)

    def link(self, path: Path, new: Path) -> bool:
        self.step(path)
        return super().link(path, new)

    def copy(self, path: Path, new: Path, length: int) -> None:
        self.step(path)
        super().copy(path, new, length)


class _DyingFile(OpenFile):
    def __init__(self, path: Path, file: object, disk: DyingDisk) -> None:
        super().__init__(path, file)  # type: ignore[arg-type]
        self._disk = disk

    def write(self, data: bytes | memoryview) -> None:
        was_dead = self._disk.dead
        try:
            self._disk.step(self.path)
        except Killed:
            if not was_dead:
                super().write(data[: len(data) // 2])
            raise
        super().write(data)

    def sync(self) -> None:
        self._disk.step(self.path)


class ForgetfulDisk(DyingDisk):
    """A model of a disk that loses power. Of a file it keeps what was synced, and any part of what was written after
    that. Names appear and vanish in the order in which they were changed: after a power cut those are kept that were
    synced with their folder, and any number of the changes behind them.

    Args:
        root: the folder that it holds.
        seed: of what is forgotten.
    """

    def __init__(self, root: Path, seed: int = 0) -> None:
        super().__init__(None)
        self._rng = random.Random(seed)
        self._root = root
        self._contents: dict[int, tuple[bytes, bytes]] = {}  # inode -> (synced, written)
        self._names: dict[str, int | None] = {}  # relative path -> inode, None for a folder: all that was changed
        self._changes: list[tuple[str, str, str]] = []  # those whose folder was not synced
        self._durable: dict[str, int | None] = {}
        self._next = 0

    def dies_after(self, steps: int) -> None:
        """The process ends after so many further steps."""
        self._left = steps

    def _key(self, path: Path) -> str:
        return str(path.relative_to(self._root))

    def _change(self, kind: str, one: str, two: str = "") -> None:
        _apply(self._names, kind, one, two)
        self._changes.append((kind, one, two))

    def create(self, path: Path) -> OpenFile:
        file = super().create(path)
        self._next += 1
        self._contents[self._next] = (b"", b"")
        self._change("file", self._key(path), str(self._next))
        return _ForgottenFile(path, file._file, self, self._next)

    def wrote(self, inode: int, data: bytes) -> None:
        """Data was appended to a file."""
        synced, written = self._contents[inode]
        self._contents[inode] = (synced, written + data)

    def synced(self, inode: int) -> None:
        """A file was synced."""
        _, written = self._contents[inode]
        self._contents[inode] = (written, written)

    def sync_folder(self, path: Path) -> None:
        super().sync_folder(path)
        # One journal of names, as of ext4: what came before is on the disk, too.
        for change in self._changes:
            _apply(self._durable, *change)
        self._changes.clear()

    def make_folder(self, path: Path) -> None:
        missing = [folder for folder in (path, *path.parents) if not folder.exists() and self._root in folder.parents]
        super().make_folder(path)
        for folder in reversed(missing):
            self._change("folder", self._key(folder))

    def rename(self, path: Path, new: Path) -> None:
        super().rename(path, new)
        self._change("rename", self._key(path), self._key(new))

    def remove(self, path: Path) -> None:
        there = path.exists()
        super().remove(path)
        if there:
            self._change("remove", self._key(path))

    def truncate(self, path: Path, length: int) -> None:
        super().truncate(path, length)
        inode = self._names[self._key(path)]
        assert inode is not None
        _, written = self._contents[inode]
        self._contents[inode] = (written[:length], written[:length])

    def link(self, path: Path, new: Path) -> bool:
        linked = super().link(path, new)
        if linked:
            self._change("file", self._key(new), str(self._names[self._key(path)]))
        return linked

    def cut_power(self) -> None:
        """The folder has what is left afterwards."""
        names = dict(self._durable)
        for change in self._changes[: self._rng.randint(0, len(self._changes))]:
            _apply(names, *change)
        kept = {}
        for file, (synced, written) in self._contents.items():
            kept[file] = (
                written[: self._rng.randint(len(synced), len(written))] if len(written) > len(synced) else synced
            )
        shutil.rmtree(self._root, ignore_errors=True)
        self._root.mkdir(parents=True)
        for name, inode in sorted(names.items()):
            path = self._root / name
            if inode is None:
                path.mkdir(parents=True, exist_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(kept[inode])
        self._contents = {file: (data, data) for file, data in kept.items()}
        self._names = dict(names)
        self._durable = dict(names)
        self._changes.clear()
        self.dead = False
        self._left = None


class _ForgottenFile(_DyingFile):
    def __init__(self, path: Path, file: object, disk: ForgetfulDisk, inode: int) -> None:
        super().__init__(path, file, disk)
        self._memory = disk
        self._inode = inode

    def write(self, data: bytes | memoryview) -> None:
        super().write(data)
        self._memory.wrote(self._inode, bytes(data))

    def sync(self) -> None:
        super().sync()
        self._memory.synced(self._inode)


def _apply(names: dict[str, int | None], kind: str, one: str, two: str) -> None:
    if kind == "file":
        names[one] = int(two)
    elif kind == "folder":
        names[one] = None
    else:
        moved = {name: inode for name, inode in names.items() if name == one or name.startswith(one + "/")}
        for name in moved:
            del names[name]
        if kind == "rename":
            for name in [name for name in names if name == two or name.startswith(two + "/")]:
                del names[name]
            names.update({two + name[len(one) :]: inode for name, inode in moved.items()})
