"""The folder of one training under `saves/`."""

from __future__ import annotations

import json
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from soulsai_core.checkpoint import MANIFEST
from soulsai_core.errors import CheckpointError, ConfigError

CHECKPOINT = "checkpoint"
CONFIG = "config.json"
ADDRESS = "address"
PAGE = "page"


class RunFolder:
    """Where a training keeps its configuration, checkpoints and results.

    Attributes:
        path: the folder; its name is unique and names the training.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, saves: Path, label: str, now: datetime) -> RunFolder:
        """A new folder "<date>_<time>_<label>" under `saves`; two starts in the same second get different ones.

        Raises ConfigError if it cannot be made there.
        """
        label = "".join(c if c.isalnum() or c in "-." else "-" for c in label)
        stem = f"{now:%Y-%m-%d_%H-%M-%S}_{label}"
        try:
            saves.mkdir(parents=True, exist_ok=True)
            return cls(_make_first_free(saves, stem))
        except OSError as error:
            raise ConfigError(
                f"run.saves: no folder can be made in {saves} ({error.strerror}). Name a folder in which you may write."
            ) from error

    @classmethod
    def newest(cls, saves: Path) -> RunFolder:
        """The folder with the newest checkpoint. Raises CheckpointError if there is none."""
        manifests = [*saves.glob(f"*/{CHECKPOINT}/{MANIFEST}"), *saves.glob(f"*/{CHECKPOINT}.old/{MANIFEST}")]
        if not manifests:
            raise CheckpointError(f"There is no checkpoint under {saves} to resume from; start without --resume.")
        return cls(max(manifests, key=lambda file: file.stat().st_mtime_ns).parent.parent)

    @classmethod
    def resumable(cls, path: Path) -> RunFolder:
        """The folder at `path`, which may also be that of its checkpoint. Raises CheckpointError if it has none."""
        path = path.parent if path.name == CHECKPOINT and path.is_dir() else path
        if not path.is_dir():
            raise CheckpointError(f"There is no folder {path}; name that of a training, such as one under saves.")
        if not any((path / name).is_dir() for name in (CHECKPOINT, f"{CHECKPOINT}.old")):
            raise CheckpointError(f"There is no checkpoint in {path}; name that of a training that has saved one.")
        return cls(path)

    @classmethod
    def holding(cls, model: Path) -> tuple[RunFolder, Path]:
        """The training and the checkpoint that `model` names: a training's folder with its newest checkpoint, or a
        checkpoint in one, such as best_model or one under manual_save. Raises CheckpointError if it is neither."""
        model = model.absolute()
        if (model / MANIFEST).exists():
            for folder in model.parents[:2]:
                if (folder / CONFIG).exists():
                    return cls(folder), model
        run = cls.resumable(model)
        return run, run.checkpoint

    @property
    def name(self) -> str:
        """The training's name."""
        return self.path.name

    @property
    def checkpoint(self) -> Path:
        """The newest checkpoint."""
        return self.path / CHECKPOINT

    @property
    def best_model(self) -> Path:
        """The checkpoint of the best model so far."""
        return self.path / "best_model"

    @property
    def episodes(self) -> Path:
        """Results of each episode, one JSON object a line."""
        return self.path / "episodes.jsonl"

    @property
    def contributors(self) -> Path:
        """What each contributor gave, as JSON."""
        return self.path / "contributors.json"

    @property
    def logs(self) -> Path:
        """What the processes of this training said, one file each."""
        return self.path / "logs"

    @property
    def page(self) -> Path:
        """Where the telemetry node notes the URL of its page while it runs."""
        return self.path / PAGE

    def manual_save(self, iteration: int) -> Path:
        """A place for a save on command that is not taken yet."""
        base = self.path / "manual_save" / f"iteration-{iteration:08d}"
        number = 1
        path = base
        while path.exists():
            number += 1
            path = base.with_name(f"{base.name}_{number}")
        return path

    def discard_unused(self) -> None:
        """Remove the folder if its training never began, which is when the configuration is written."""
        if not (self.path / CONFIG).exists():
            shutil.rmtree(self.path, ignore_errors=True)

    def write_address(self, address: str | None) -> None:
        """Note where this training's server listens while it runs, so that commands find it; None removes the note."""
        note = self.path / ADDRESS
        if address is None:
            note.unlink(missing_ok=True)
        else:
            _write_at_once(note, address + "\n")


def _make_first_free(saves: Path, stem: str) -> Path:
    path = saves / stem
    number = 1
    while True:
        try:
            path.mkdir()
            return path
        except FileExistsError:
            number += 1
            path = saves / f"{stem}_{number}"


def write_config(path: Path, config: dict[str, Any]) -> None:
    """Write the configuration as JSON, at once or not at all."""
    _write_at_once(path, json.dumps(config, indent=2) + "\n")


def _write_at_once(path: Path, text: str) -> None:
    """Nobody ever reads half of it."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, path)  # noqa: PTH105 - replaces on Windows too


def read_config(path: Path) -> dict[str, Any]:
    """The configuration saved at `path`. Raises CheckpointError if it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"The configuration at {path} cannot be read: {error}") from error


def running_address(saves: Path) -> str | None:
    """The server's address noted by the newest training under `saves` that is running, None if there is none."""
    notes = sorted(saves.glob(f"*/{ADDRESS}"), key=lambda file: file.stat().st_mtime_ns)
    return notes[-1].read_text(encoding="utf-8").strip() if notes else None
