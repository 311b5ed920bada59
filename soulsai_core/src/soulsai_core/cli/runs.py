"""Finds runs below a folder such as `saves/`, the newest first: the one that was active last.

What the folder of a run records tells when that was. The times of its files do not: a copy has new ones, and so has a
folder that was touched.
"""

from __future__ import annotations

import glob
import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from soulsai_core.run_folder import ADDRESS, CONFIG, STATUS, RunFolder

_DATE = "%Y-%m-%d_%H-%M-%S"
_DATE_LENGTH = 19

_DEPTHS = ("", "*/", "*/*/")
"""Where a run may lie below the folder of runs: in it, in the folder of a multirun, or in that of a sweep's trial."""


def last_active(folder: RunFolder) -> float:
    """When the run was active last, in seconds since 1970: the time of its last status, or, if that is later, when a
    process took its folder, or when it began, by its name. 0 if none of them is known."""
    return max(_last_status(folder)[0], folder.held_since, began(folder))


def began(folder: RunFolder) -> float:
    """When the run began, by the date in its name, in seconds since 1970; 0 for another name."""
    try:
        return datetime.strptime(folder.name[:_DATE_LENGTH], _DATE).astimezone().timestamp()
    except (ValueError, OSError, OverflowError):  # Windows refuses years before 1970
        return 0.0


def _last_status(folder: RunFolder) -> tuple[float, str]:
    """The time and the run's name in its last status."""
    try:
        status = json.loads(folder.status.read_text(encoding="utf-8"))
        return float(status["time"]), str(status["run_id"])
    except (OSError, ValueError, RecursionError, TypeError, KeyError):
        return 0.0, ""


def newest_first(folders: Iterable[RunFolder]) -> list[RunFolder]:
    """The runs in the order of their last activity. Of a run and its copy, which tell the same, the run comes first."""

    def order(folder: RunFolder) -> tuple[float, bool]:
        return last_active(folder), _last_status(folder)[1] == folder.name

    return sorted(folders, key=order, reverse=True)


def runs_with(file: str, saves: Path) -> list[RunFolder]:
    """The runs under `saves`, those of multiruns and sweeps too, whose folder has this file."""
    return [RunFolder(found.parent) for depth in _DEPTHS for found in saves.glob(f"{depth}*/{file}")]


def resumable_under(saves: Path) -> list[RunFolder]:
    """The runs under `saves` that a resume can go on with, the newest first."""
    folders = (RunFolder(file.parent) for file in saves.glob(f"*/{CONFIG}"))
    return newest_first(folder for folder in folders if folder.is_resumable)


def newest_folder(saves: Path) -> RunFolder | None:
    """The newest run under `saves` whose node has reported; None if none has."""
    return next(iter(newest_first(runs_with(STATUS, saves))), None)


def killed_start(saves: Path, newest: RunFolder | None) -> str:
    """A sentence about the last start under `saves` that was killed before its training began, "" if there is none that
    is newer than this run, which is then what was asked for."""
    starts = newest_first(folder for path in saves.glob("*") if (folder := RunFolder(path)).never_began)
    is_newest = bool(starts) and (newest is None or last_active(starts[0]) > last_active(newest))
    return starts[0].killed_start if is_newest else ""


def run_path(name: str | Path, saves: Path) -> Path:
    """The path `name` if it exists, otherwise the run of this name under `saves`, where it may lie in the folder of a
    multirun or of a sweep's trial. Without either, `name` as it is."""
    path = Path(name)
    if path.exists():
        return path
    # A name from a person may hold characters that have a meaning in a pattern.
    found = (run for depth in _DEPTHS for run in saves.glob(f"{depth}{glob.escape(str(name))}") if run.is_dir())
    return path if path.is_absolute() else next(found, path)


def running_address(saves: Path) -> str | None:
    """The server's address of the newest run under `saves` that is running; None if there is none.

    A run that was killed leaves its address behind, but no longer holds its folder.
    """
    running = (folder for folder in runs_with(ADDRESS, saves) if folder.is_held)
    held = sorted(running, key=lambda folder: folder.held_since)
    return (held[-1].path / ADDRESS).read_text(encoding="utf-8").strip() if held else None
