"""What was found, as one figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.learning.look.units import DORMANT, norms_of
from benchmarks.learning.look.words import Findings, shares


def draw(found: Findings, file: Path) -> None:
    """Write a figure of eight panels; the file's ending says the format."""
    figure = Figure(figsize=(16, 8), layout="constrained")
    figure.suptitle(f"{found.run.folder.name}, {found.run.model.name}, {found.run.counters.env_steps:,} steps")
    panels = (_play, _actions, _along, _against, _scores, _norms, _replay, _priorities)
    for axes, panel in zip(figure.subplots(2, 4).ravel(), panels, strict=True):
        panel(axes, found)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=90)


def _play(axes: Axes, found: Findings) -> None:
    for terminated, color in ((True, "C0"), (False, "C1")):
        episodes = [episode for episode in found.episodes if episode.terminated == terminated]
        lengths = [len(episode) for episode in episodes]
        label = "terminated" if terminated else "truncated"
        axes.scatter(lengths, [episode.total for episode in episodes], color=color, s=14, label=label)
    axes.set(title="greedy episodes", xlabel="steps", ylabel="return")
    axes.legend()


def _actions(axes: Axes, found: Findings) -> None:
    greedy = shares(np.concatenate([episode.actions for episode in found.episodes]), found.run)
    actions = np.arange(len(greedy))
    axes.bar(actions - 0.2, greedy, 0.4, label="greedy")
    if found.replay is not None:
        axes.bar(actions + 0.2, shares(found.replay.actions, found.run), 0.4, label="replay")
    axes.set(title="share of actions", xlabel="action", xticks=actions[:: max(len(actions) // 10, 1)])
    axes.legend(fontsize=7)


def _along(axes: Axes, found: Findings) -> None:
    order = np.argsort([episode.total for episode in found.episodes])
    for name, index, color in (("worst", order[0], "C3"), ("median", order[len(order) // 2], "C0")):
        values = found.values[index]
        axes.plot(values.values, color=color, lw=1, label=f"value, {name} episode")
        axes.plot(np.where(values.known, values.returns, np.nan), color=color, lw=1, ls="--", label="true return")
    axes.set(title="along an episode", xlabel="step", ylabel="scaled reward")
    axes.legend(fontsize=7)


def _against(axes: Axes, found: Findings) -> None:
    known = np.concatenate([one.known for one in found.values])
    values = np.concatenate([one.values for one in found.values])[known]
    returns = np.concatenate([one.returns for one in found.values])[known]
    every = max(len(values) // 3000, 1)
    axes.scatter(returns[::every], values[::every], s=3, alpha=0.4)
    if len(returns):
        line = [returns.min(), returns.max()]
        axes.plot(line, line, color="black", lw=0.8)
    axes.set(title="values, too high above the line", xlabel="true return", ylabel="value")


def _scores(axes: Axes, found: Findings) -> None:
    for layer in found.units.layers:
        axes.plot(np.linspace(0, 1, len(layer.scores)), layer.scores, label=layer.name)
    singular = found.units.singular
    axes.plot(np.linspace(0, 1, len(singular)), singular / max(singular[0], 1e-30), ":", label="singular values")
    axes.axhline(DORMANT, color="black", lw=0.6)
    axes.set(title="units' scores; dormant below the line", xlabel="share of units")
    axes.set_yscale("symlog", linthresh=DORMANT / 10)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7)


def _norms(axes: Axes, found: Findings) -> None:
    norms = norms_of(found.run)
    places = np.arange(len(norms))
    axes.barh(places + 0.2, [now for now, _ in norms.values()], 0.4, label="trained")
    axes.barh(places - 0.2, [fresh for _, fresh in norms.values()], 0.4, label="fresh")
    axes.set_yticks(places, list(norms), fontsize=7)
    axes.set(title="norms of weights")
    axes.legend(fontsize=7)


def _replay(axes: Axes, found: Findings) -> None:
    axes.set(title="returns in the replay", xlabel="age of the end, steps", ylabel="return")
    if found.replay is None or not found.replay.episodes:
        axes.text(0.5, 0.5, "no whole episode", ha="center", transform=axes.transAxes)
        return
    ends, totals, lengths = zip(*found.replay.episodes, strict=True)
    dots = axes.scatter(len(found.replay) - 1 - np.array(ends), totals, c=lengths, s=8, cmap="viridis")
    axes.invert_xaxis()
    axes.figure.colorbar(dots, ax=axes, label="steps")


def _priorities(axes: Axes, found: Findings) -> None:
    priorities = None if found.replay is None else found.replay.priorities
    axes.set(title="priorities", xlabel="share of rows", ylabel="share of draws")
    if priorities is None:
        axes.text(0.5, 0.5, "uniform draws, or no rows", ha="center", transform=axes.transAxes)
        return
    draws = np.cumsum(np.sort(priorities)[::-1]) / priorities.sum()
    every = max(len(draws) // 1000, 1)
    axes.plot(np.linspace(0, 1, len(draws))[::every], draws[::every])
    axes.plot([0, 1], [0, 1], color="black", lw=0.6)
