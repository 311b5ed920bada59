"""The table of `soulsai runs`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from soulsai_core import NodeStatus
from soulsai_core.app import Column, Row, began, formatting, last_status, print_table
from soulsai_telemetry.comparing.runs import Run

_COLUMNS = (
    Column("Run"),
    Column("State"),
    Column("Environment"),
    Column("Algorithm"),
    *(Column(name, True) for name in ("Steps", "Episodes", "Best", "Last")),
    Column("Started"),
)

_STYLES = {"learning": "green", "killed": "red", "failed": "red"}


def rows(runs: Sequence[Run], window: int | None, saves: Path | None = None) -> list[dict[str, Any]]:
    """One row for each run, with values that can be written as JSON.

    Args:
        window: episodes in the moving average of the return; None: as the run itself averages.
        saves: folder below which a run is named by its path: trials of a sweep may have begun in the same second.
    """
    return [_row(run, run.window if window is None else window) | _path_below(saves, run) for run in runs]


def _path_below(saves: Path | None, run: Run) -> dict[str, Any]:
    below = saves is not None and run.folder.path.is_relative_to(saves) and run.folder.path != saves
    return {"run": run.folder.path.relative_to(saves).as_posix()} if saves is not None and below else {}


def _row(run: Run, window: int) -> dict[str, Any]:
    points = run.points
    score = run.score(window)
    last = last_status(run.folder, time.time())
    # A run that was only watched from here has no status, and episodes that say how many steps there were.
    steps = points[-1].steps if points else 0
    return {
        "run": run.name,
        "state": "unknown" if last is None else last[1].label,
        "environment": run.environment,
        "algorithm": run.algorithm,
        "episodes": len(points),
        "steps": steps if last is None else last[0].env_steps,
        "best": None if score is None else score[0],
        "last": None if score is None else score[1],
        "window": window,
        "started": _started(run, None if last is None else last[0]),
        "running": run.folder.is_held,
    }


def _started(run: Run, last: NodeStatus | None) -> float:
    """When the run began, in seconds since 1970: by the date in its name, else by its first episode, else by its
    status. 0 if none of them says.

    Serial runs, and those of a server other than Redis, do not say when an episode was reported.
    """
    first = began(run.folder) or (run.points[0].time if run.points else 0.0)
    return first or (0.0 if last is None else last.time - last.elapsed)


def show(found: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print a table for a terminal or a file, or JSON for programs."""
    if as_json:
        print(msgspec.json.encode(list(found)).decode())
        return
    console = Console(highlight=False)
    print_table(console, _COLUMNS, [Row(_cells(row), _STYLES.get(row["state"], "")) for row in found])
    if sys.stdout.isatty():
        windows = sorted({row["window"] for row in found})
        episodes = " or ".join(map(str, windows))
        console.print(f"\nBest and Last: the highest and the last mean return of {episodes} episodes.")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["run"],
        row["state"],
        row["environment"],
        row["algorithm"],
        formatting.count(row["steps"]),
        formatting.count(row["episodes"]),
        formatting.number(row["best"]),
        formatting.number(row["last"]),
        f"{datetime.fromtimestamp(row['started']):%Y-%m-%d %H:%M}" if row["started"] else "",
    )
