"""The folder of one run under `saves/`."""

from __future__ import annotations

import errno
import json
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from soulsai_core.checkpoint import JOURNAL, MANIFEST
from soulsai_core.errors import CheckpointError, ConfigError

CHECKPOINT = "checkpoint"
CONFIG = "config.json"
STATUS = "status.json"
ADDRESS = "address"
LOCK = "lock"
HOLDER = "holder"
_SINCE = " since "
PAGE = "page"
_COPY = "copy the file from a backup, or from a run with the same settings"
NO_PAGE = "no_page"

# Seconds in which the lock of a folder must become free, and between two attempts.
_LOCK_PATIENCE_S = 1.0
_LOCK_PAUSE_S = 0.02

# Errors of a file that may not be written.
_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


class RunFolder:
    """The folder in which a run keeps its configuration, checkpoints, results and logs.

    Attributes:
        path: the folder; its name is unique and is the run's id.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, saves: Path, label: str, now: datetime) -> RunFolder:
        """A new folder "<date>_<time>_<label>" under `saves`. Two starts in the same second get different folders.

        Raises ConfigError if the folder cannot be made.
        """
        label = "".join(c if c.isalnum() or c in "-." else "-" for c in label)
        stem = f"{now:%Y-%m-%d_%H-%M-%S}_{label}"
        try:
            saves.mkdir(parents=True, exist_ok=True)
            return cls(_make_first_free(saves, stem))
        except OSError as error:
            raise ConfigError(
                f"run.saves: no folder can be made in {saves} ({error.strerror}). Name a folder that you may write to."
            ) from error

    @classmethod
    def resumable(cls, path: Path) -> RunFolder:
        """The run whose folder, or newest checkpoint, is at `path`. Raises CheckpointError without a checkpoint and a
        journal."""
        path = path.parent if path.name == CHECKPOINT and path.is_dir() else path
        if not path.is_dir():
            raise CheckpointError(f"There is no folder {path}; name the folder of a run, such as one under saves.")
        folder = cls(path)
        if folder.never_began:
            raise CheckpointError(folder.killed_start)
        if not folder.is_resumable:
            raise CheckpointError(f"There is no checkpoint in {path}; name the folder of a run that has saved one.")
        return folder

    @classmethod
    def holding(cls, model: Path) -> tuple[RunFolder, Path]:
        """The run and the checkpoint that the folder `model` is meant for.

        Args:
            model: a run's folder, for its newest checkpoint; or a checkpoint's folder in it, such as best_model or one
                under manual_save. Raises CheckpointError if it is neither.
        """
        model = model.absolute()
        if (model / MANIFEST).exists():
            for folder in model.parents[:2]:
                if (folder / CONFIG).exists():
                    return cls(folder), model
        run = cls.resumable(model)
        return run, run.checkpoint

    @property
    def name(self) -> str:
        """The run's id."""
        return self.path.name

    @property
    def config(self) -> Path:
        """The resolved configuration as JSON, written when the training begins."""
        return self.path / CONFIG

    @property
    def config_file(self) -> Path:
        """config.yaml as it was when the training was last started in the folder where that lies; empty if there was
        none when the run began, and missing if other settings were named then."""
        return self.path / "config.yaml"

    @property
    def checkpoint(self) -> Path:
        """The newest checkpoint."""
        return self.path / CHECKPOINT

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is one, or the one before it if a kill interrupted its replacement."""
        return any((self.path / name).is_dir() for name in (CHECKPOINT, f"{CHECKPOINT}.old"))

    @property
    def is_resumable(self) -> bool:
        """Whether there is a checkpoint, or the journal of a run that was killed before its first one."""
        return self.has_checkpoint or (self.config.is_file() and any(self.journal.glob("*")))

    @property
    def never_began(self) -> bool:
        """Whether this is what a process left that was killed before its training began, maybe while it took the steps
        of another run. The configuration is written after that."""
        has_run = self.config.is_file() or self.has_checkpoint or self.status.is_file()
        return (self.path / LOCK).exists() and not has_run and not self.is_held

    @property
    def killed_start(self) -> str:
        """A sentence about a folder that `never_began`."""
        return f"{self.path} is of a start that was killed before its training began: delete it, and start again."

    @property
    def best_model(self) -> Path:
        """The checkpoint of the best model so far."""
        return self.path / "best_model"

    @property
    def episodes(self) -> Path:
        """Results of each episode, one JSON object a line."""
        return self.path / "episodes.jsonl"

    @property
    def status(self) -> Path:
        """The node's last status as JSON, written every few seconds and at the end."""
        return self.path / STATUS

    @property
    def journal(self) -> Path:
        """The journal: the steps that were admitted, in segments."""
        return self.path / JOURNAL

    @property
    def earlier(self) -> Path:
        """The checkpoints before the newest one that are kept."""
        return self.path / "earlier"

    @property
    def earlier_best(self) -> Path:
        """The models that were the best before the best one and are kept."""
        return self.path / "earlier_best"

    @property
    def changes(self) -> Path:
        """Settings that were changed while the run went on, one JSON object a line."""
        return self.path / "changes.jsonl"

    @property
    def contributors(self) -> Path:
        """What each contributor has contributed, as JSON."""
        return self.path / "contributors.json"

    @property
    def logs(self) -> Path:
        """The logs of the run's processes, one file each."""
        return self.path / "logs"

    @property
    def page(self) -> Path:
        """The file with the URL of the telemetry node's page while it runs, and a sentence if it is an unusual one."""
        return self.path / PAGE

    @property
    def no_page(self) -> Path:
        """The file with the sentence why the telemetry node, while it runs, serves no page although it should."""
        return self.path / NO_PAGE

    @contextmanager
    def held(self, now: float) -> Iterator[None]:
        """Hold the folder while the block runs, so that no other process writes into it.

        Args:
            now: seconds since 1970.

        The lock is the kernel's, which releases it however this process ends. Raises ConfigError if another process
        holds it.
        """
        # Whoever asks `is_held` has the lock for a moment.
        lock = FileLock(self.path / LOCK, timeout=_LOCK_PATIENCE_S, thread_local=False)
        try:
            lock.acquire(poll_interval=_LOCK_PAUSE_S)
        except Timeout:
            raise ConfigError(f"{self.path} is running ({self.holder}); stop it first.") from None
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be locked ({error.strerror or error}).") from error
        # In a file of its own: on Windows other processes cannot read a locked one.
        note = self.path / HOLDER
        since = datetime.fromtimestamp(now).astimezone().isoformat(" ")
        try:
            replace_text(note, f"process {os.getpid()} on {platform.node() or 'this machine'}{_SINCE}{since}\n")
            yield
        finally:
            note.unlink(missing_ok=True)
            lock.release()

    @property
    def is_held(self) -> bool:
        """Whether a process holds the folder now."""
        if not (self.path / LOCK).exists():
            return False
        # The only way to ask whether a lock is held is to take it for a moment.
        lock = FileLock(self.path / LOCK, timeout=2 * _LOCK_PAUSE_S, thread_local=False)
        try:
            with lock.acquire(poll_interval=_LOCK_PAUSE_S):  # another one may be asking, too
                return False
        except OSError as error:  # Timeout is one
            # Where we may only read, the lock cannot be asked. Whoever holds it, maybe another user, has left a note.
            return error.errno not in _READ_ONLY or (self.path / HOLDER).exists()

    @property
    def holder(self) -> str:
        """Who holds the folder, for people."""
        who, since = self._held_by()
        return "its process is starting" if since is None else f"{who}{_SINCE}{since:%Y-%m-%d %H:%M:%S}"

    @property
    def held_since(self) -> float:
        """When the process that holds the folder took it, or the last one if that was killed, in seconds since 1970; 0
        after an end that was no kill."""
        _, since = self._held_by()
        return 0.0 if since is None else since.timestamp()

    def _held_by(self) -> tuple[str, datetime | None]:
        """Who holds the folder or held it when it was killed, and since when; None if it does not say."""
        try:
            who, _, since = (self.path / HOLDER).read_text(encoding="utf-8").strip().rpartition(_SINCE)
            return who, datetime.fromisoformat(since).astimezone()
        except (OSError, ValueError):
            return "", None

    def manual_save(self, iteration: int) -> Path:
        """A folder for a save on command that does not exist yet."""
        base = self.path / "manual_save" / f"iteration-{iteration:08d}"
        number = 1
        path = base
        while path.exists():
            number += 1
            path = base.with_name(f"{base.name}_{number}")
        return path

    def manual_saves(self) -> int:
        """The number of saves on command that exist."""
        return sum(1 for _ in (self.path / "manual_save").glob("*"))

    def discard_unused(self) -> None:
        """Remove the folder if the training never began. Its configuration is written when it begins."""
        if not (self.path / CONFIG).exists():
            shutil.rmtree(self.path, ignore_errors=True)

    def write_address(self, address: str | None) -> None:
        """Write the address of the run's server for as long as it runs, so that commands find it; None removes it."""
        note = self.path / ADDRESS
        if address is None:
            note.unlink(missing_ok=True)
        else:
            replace_text(note, address + "\n")


def _make_first_free(saves: Path, stem: str) -> Path:
    path = saves / stem
    number = 1
    while True:
        # `mkdir` decides: two trainings may begin in the same second, and both would find the name free.
        try:
            path.mkdir()
            return path
        except FileExistsError:
            number += 1
            path = saves / f"{stem}_{number}"


def write_config(path: Path, config: dict[str, Any]) -> None:
    """Write the configuration as JSON, completely or not at all."""
    replace_text(path, json.dumps(config, indent=2) + "\n")


def replace_text(path: Path, text: str) -> None:
    """Replace the file's text in one step: a reader sees all of the old text or all of the new."""
    replace_bytes(path, text.encode())


def replace_bytes(path: Path, content: bytes) -> None:
    """Replace the file's content in one step, as `replace_text` does."""
    # In the same folder, since a rename across file systems is a copy.
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(content)
    os.replace(fresh, path)  # noqa: PTH105 - replaces on Windows too


def read_config(path: Path) -> dict[str, Any]:
    """The configuration saved at `path`. Raises CheckpointError if it cannot be read, or if nothing is in it."""
    try:
        text = path.read_text(encoding="utf-8")
        config = json.loads(text) if text.strip() else None
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"The configuration at {path} cannot be read: {error}") from error
    if config is None:
        raise empty_config(path)
    if not isinstance(config, dict):
        raise CheckpointError(
            f"The configuration at {path} is a {type(config).__name__} instead of settings by name: {_COPY}."
        )
    return config


def empty_config(path: Path) -> CheckpointError:
    """The error for a saved configuration without any setting, where the run's settings are needed."""
    return CheckpointError(f"The configuration at {path} is empty, so the run's settings are not known: {_COPY}.")
