"""The figure that compares runs, and the curves in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from soulsai_core import ConfigError
from soulsai_telemetry.comparing.curves import Band, band
from soulsai_telemetry.comparing.runs import Run, RunAxis, group

_GAP_HOURS = 1 / 6
"""Hours without an episode from which on a curve over time is broken: an outage is no straight line."""

_LABELS: dict[RunAxis, str] = {"steps": "environment steps", "episodes": "episodes", "hours": "hours"}


def bands(runs: Sequence[Run], metric: str, axis: RunAxis, window: int) -> dict[str, Band]:
    """Label -> what the runs of a group have in common.

    Args:
        window: episodes in the moving average.

    Raises ConfigError if no run has the metric.
    """
    drawn = {}
    for label, members in group(runs).items():
        curves = [curve for run in members if len((curve := run.curve(metric, axis, window))[0])]
        if curves:
            drawn[label] = band(curves)
    if not drawn:
        raise ConfigError(f"None of the {len(runs)} runs has an episode with the metric {metric!r}.")
    return drawn


def labeled(drawn: dict[str, Band], labels: Sequence[str]) -> dict[str, Band]:
    """The same with these labels, in the order of the groups. Raises ConfigError if there are not as many."""
    if not labels:
        return drawn
    if len(labels) != len(drawn):
        raise ConfigError(f"--label is given {len(labels)} times; there are {len(drawn)}: {', '.join(drawn)}.")
    if len(set(labels)) < len(labels):
        raise ConfigError("--label has one of the names twice.")
    return dict(zip(labels, drawn.values(), strict=True))


def title_of(runs: Sequence[Run]) -> str:
    """The environments of the runs."""
    return ", ".join(dict.fromkeys(run.environment for run in runs))


def draw(drawn: dict[str, Band], path: Path, title: str, metric: str, axis: RunAxis, window: int) -> None:
    """Write the figure to `path`; its format follows from the ending."""
    from soulsai_telemetry.drawing import comparison, save

    ylabel = f"{metric}, mean of {window} episodes" if window > 1 else metric
    gap = _GAP_HOURS if axis == "hours" else math.inf
    save(comparison(drawn, title, ylabel, _LABELS[axis], gap), path)
