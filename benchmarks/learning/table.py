"""Tables of medians and interquartile means over seeds (Agarwal et al. 2021), and learning curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from soulsai_core import interquartile_mean

Runs = list[dict[str, Any]]
COLUMNS = (
    "seeds", "greedy at the end: mean", "median", "IQM", "least", "target",
    "steps to the goal: median", "worst", "reached by", "CPU s",
)  # fmt: skip


def print_table(runs: Runs, target: float | None) -> None:
    print(f"| {' | '.join(('', *COLUMNS))} |")
    print("|---" * (1 + len(COLUMNS)) + "|")
    for name, group in _by_name(runs).items():
        finals = [run["final"] for run in group if run["final"] is not None]
        solved = [run["solved"] or np.inf for run in group]
        cells = [name, len(group)]
        statistics = (np.mean, np.median, interquartile_mean, min)
        cells += [f"{statistic(finals):.0f}" if finals else "" for statistic in statistics]
        cells += [target if target is not None else "", _steps(np.median(solved)), _steps(max(solved))]
        cells.append(int(np.isfinite(solved).sum()))
        cells.append(f"{np.median([run['cpu_s'] for run in group]):.0f}")
        print("| " + " | ".join(map(str, cells)) + " |")


def draw_curves(runs: Runs, file: Path) -> None:
    """Mean of the last 20 episodes over environment steps, the seeds of a name in one color."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("No curves: matplotlib is not installed.")
        return
    figure = Figure(figsize=(7, 4))
    axes = figure.subplots()
    for index, (name, group) in enumerate(_by_name(runs).items()):
        for number, run in enumerate(group):
            axes.plot(
                *np.array(run["curve"]).reshape(-1, 2).T, color=f"C{index}", lw=0.8, label=None if number else name
            )
    axes.set(xlabel="environment steps", ylabel="mean return of 20 episodes")
    axes.legend()
    figure.savefig(file)


def _by_name(runs: Runs) -> dict[str, Runs]:
    groups: dict[str, Runs] = {}
    for run in runs:
        groups.setdefault(run["name"], []).append(run)
    return groups


def _steps(steps: float) -> str:
    return f"{steps:,.0f}" if np.isfinite(steps) else "never"
