"""The table of `soulsai runs`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from soulsai_telemetry.comparing.runs import Run


def rows(runs: Sequence[Run], window: int) -> list[dict[str, Any]]:
    """One row for each run, with values that can be written as JSON.

    Args:
        window: episodes in the moving average of the return.
    """
    return [_row(run, window) for run in runs]


def _row(run: Run, window: int) -> dict[str, Any]:
    points = run.points
    score = run.score(window)
    # Older runs, and those of a server other than Redis, do not say when an episode was reported.
    started = points[0].time if points and points[0].time else run.folder.path.stat().st_mtime
    return {
        "run": run.name,
        "environment": run.environment,
        "algorithm": run.algorithm,
        "episodes": len(points),
        "steps": points[-1].steps if points else 0,
        "best": None if score is None else score[0],
        "last": None if score is None else score[1],
        "started": started,
        "running": run.folder.running,
    }


def print_table(found: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print a table for a terminal or a file, or JSON for programs."""
    if as_json:
        print(msgspec.json.encode(list(found)).decode())
        return
    terminal = sys.stdout.isatty()
    table = Table(box=box.SIMPLE if terminal else None, pad_edge=terminal)
    for name in ("Run", "Environment", "Algorithm", "Steps", "Episodes", "Best", "Last", "Started"):
        number = name in ("Steps", "Episodes", "Best", "Last")
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for row in found:
        table.add_row(*map(Text, _cells(row)), style="green" if row["running"] else "")
    # In a file no row is cut off at the width of a terminal.
    Console(width=None if terminal else 250).print(table)


def _cells(row: dict[str, Any]) -> list[str]:
    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.1f}"

    started = f"{datetime.fromtimestamp(row['started']):%Y-%m-%d %H:%M}" + (" (running)" if row["running"] else "")
    return [
        row["run"],
        row["environment"],
        row["algorithm"],
        f"{row['steps']:,}",
        f"{row['episodes']:,}",
        number(row["best"]),
        number(row["last"]),
        started,
    ]
