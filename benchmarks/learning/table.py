"""Tables of medians and interquartile means over seeds (Agarwal et al. 2021), and learning curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from soulsai_core import bootstrap_interval, interquartile_mean

Runs = list[dict[str, Any]]
COLUMNS = ("", "what", "seeds", "target", "mean", "median", "IQM", "its 95 % interval", "worst", "never")


def print_table(runs: Runs, target: float | None) -> None:
    """A line for each figure of each name. Seeds that never reached a goal count in the median and as the worst."""
    print(f"| {' | '.join(COLUMNS)} |")
    print("|---" * len(COLUMNS) + "|")
    for name, group in _by_name(runs).items():
        for what, values, worst in _figures(group):
            aim = target if what == "greedy at the end" and target is not None else ""
            print("| " + " | ".join([name, what, str(len(values)), str(aim), *_statistics(values, worst)]) + " |")


def _figures(group: Runs) -> Iterator[tuple[str, list[float], float]]:
    """(what, its value for each seed, the worst of them)."""
    for steps in sorted({steps for run in group for steps, _ in run.get("greedy", ())}):
        values = [mean for run in group for at, mean in run.get("greedy", ()) if at == steps]
        yield f"greedy after {steps:,} steps", values, min(values)
    finals = [run["final"] for run in group if run["final"] is not None]
    if finals:
        yield "greedy at the end", finals, min(finals)
    for what, key in (("steps until 20 episodes reach the goal", "solved"), ("until 100 do", "solved_100")):
        if key in group[0]:
            steps = [run.get(key) or np.inf for run in group]
            yield what, steps, max(steps)
    seconds = [run["cpu_s"] for run in group]
    yield "CPU seconds until then", seconds, max(seconds)


def _statistics(values: Sequence[float], worst: float) -> list[str]:
    never = int(np.isinf(values).sum())
    whole = [_number(float(np.mean(values))), _number(float(np.median(values)))]
    if never:
        return ["", whole[1], "", "", _number(worst), str(never)]
    low, high = bootstrap_interval(values, np.random.default_rng(0))
    return [*whole, _number(interquartile_mean(values)), f"{_number(low)} to {_number(high)}", _number(worst), ""]


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


def _number(value: float) -> str:
    return f"{value:,.0f}" if np.isfinite(value) else "never"
