"""The figure that compares runs, and the curves in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from soulsai_core import ConfigError
from soulsai_telemetry.comparing.curves import Band, band
from soulsai_telemetry.comparing.runs import Run, RunAxis, group

_LABELS: dict[RunAxis, str] = {"steps": "environment steps", "episodes": "episodes", "hours": "hours"}


def bands(runs: Sequence[Run], metric: str, axis: RunAxis, window: int) -> dict[str, Band]:
    """Label -> median and quartiles over the runs of a group.

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


def draw(drawn: dict[str, Band], path: Path, metric: str, axis: RunAxis, window: int) -> None:
    """Write the figure to `path`; its format follows from the ending."""
    from soulsai_telemetry.drawing import comparison, save

    ylabel = f"{metric} (mean of {window} episodes)" if window > 1 else metric
    save(comparison(drawn, ylabel, _LABELS[axis]), path)
