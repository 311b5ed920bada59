"""What a sweep has found: a table, a file for programs, and a figure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from soulsai_core import replace_text
from soulsai_core.app import Column, Row, formatting, print_table
from soulsai_telemetry.comparing.sweep.settings import SweepSettings
from soulsai_telemetry.comparing.sweep.trial import overrides

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Result:
    """One trial that has ended.

    Attributes:
        state: "complete", "pruned" (ended early) or "failed".
        score: the last one known; None if there was no episode.
        values: setting -> its value.
    """

    trial: int
    state: str
    score: float | None
    values: Mapping[str, Any]


def ranked(results: Sequence[Result], settings: SweepSettings) -> list[Result]:
    """The complete trials, the best first, then those that were ended early."""
    sign = -1 if settings.direction == "maximize" else 1
    known = [result for result in results if result.score is not None]
    return sorted(known, key=lambda result: (result.state != "complete", sign * (result.score or 0.0)))


def show(results: Sequence[Result], settings: SweepSettings, folder: Path) -> None:
    """Print the best trials and how to train with their settings, and write results.json and figure.png."""
    best = ranked(results, settings)
    replace_text(folder / "results.json", json.dumps([asdict(result) for result in results], indent=1))
    if not best:
        print("No trial has ended with an episode.")
        return
    names = list(settings.settings)
    columns = [Column("Trial", True), Column("Score", True), Column("State"), *(Column(_short(name)) for name in names)]
    rows = [
        Row(
            (
                str(result.trial),
                formatting.number(result.score),
                result.state,
                *(_value(result.values.get(name)) for name in names),
            ),
            "" if result.state == "complete" else "dim",
        )
        for result in best[:_SHOWN]
    ]
    print_table(Console(), columns, rows)
    _draw(best, settings, folder / "figure.png")
    print(f"\nTrain with the best settings: {_command(settings, best[0])}\n{folder / 'figure.png'}")


def _command(settings: SweepSettings, result: Result) -> str:
    """The command that trains as this trial did, with a seed of its own."""
    words = [*settings.train, *overrides(result.values)]
    return " ".join(["soulsai train", *map(formatting.word, words)])


def _draw(results: Sequence[Result], settings: SweepSettings, path: Path) -> None:
    from soulsai_telemetry.drawing import save, scatter

    panels = {}
    for name, choice in settings.settings.items():
        points = [
            (result.values[name], result.score, result.state == "complete")
            for result in results
            if name in result.values and result.score is not None
        ]
        panels[name] = (points, choice.log)
    early = any(result.state != "complete" for result in results)
    note = ", gray: ended early" if early else ""
    save(scatter(panels, f"{settings.score} {settings.metric} of {len(results)} trials{note}"), path)


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _value(value: Any) -> str:
    return formatting.number(value) if isinstance(value, float) else json.dumps(value)
