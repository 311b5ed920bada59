"""Figures with matplotlib, without its global state: of one run, and of several runs compared."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from soulsai_core import replace_bytes
from soulsai_telemetry.comparing.curves import Band, with_gaps
from soulsai_telemetry.history.history import Axis, Curve, History

COLORS = ("#0b6e99", "#b3541e", "#1d7a4b", "#7a4fa3", "#b3261e", "#5f6b2d", "#2f4b9e", "#8a6d00")

_LABELS: dict[Axis, str] = {"episode": "episodes", "step": "environment steps", "time": "time"}
# Points of a curve: about as many as a panel has pixels.
_POINTS = 600
_DPI = 110


class RunFigure:
    """One panel for each metric, with raw values faint and the moving average strong.

    Made once and filled again for each drawing: to make the axes takes longer than to fill them.

    Attributes:
        names: the metrics, in the order of their panels.
    """

    def __init__(self, names: Sequence[str], title: str, axis: Axis = "episode") -> None:
        self.names = list(names)
        self._axis = axis
        columns = min(len(names), 2) if len(names) < 7 else 3
        rows = math.ceil(len(names) / columns)
        width = 4.6 * columns
        height = 0.5 + 2.6 * rows
        # Margins are computed here, in inches: a layout engine would measure all text at each drawing.
        self.figure = _figure(width, height)
        self.figure.subplots_adjust(
            left=0.6 / width,
            right=1 - 0.15 / width,
            bottom=0.62 / height,
            top=1 - 0.7 / height,
            wspace=0.2,
            hspace=0.35,
        )
        self.figure.suptitle(title, fontsize=11, y=1 - 0.1 / height, va="top")
        note = "points: episodes (of many: their means, in a band of their range); line: moving average"
        self.figure.text(1 - 0.15 / width, 0.06 / height, note, fontsize=7, color="#5b6570", ha="right")
        self._panels = [_Panel(self.figure.add_subplot(rows, columns, i + 1), name) for i, name in enumerate(names)]
        for panel in self._panels[-columns:]:
            panel.axes.set_xlabel(_LABELS[axis], fontsize=9)

    def show(self, history: History) -> None:
        """Fill the panels with the history as it is now."""
        for name, panel in zip(self.names, self._panels, strict=True):
            curve = history.curve(name, self._axis, points=_POINTS)
            panel.fill(curve)


class _Panel:
    def __init__(self, axes: Axes, name: str) -> None:
        self.axes = axes
        axes.set_title(name, fontsize=10, loc="left", y=1.02)
        style(axes)
        self._band: PolyCollection | None = None
        (self._raw,) = axes.plot([], [], linestyle="", marker=".", markersize=3, alpha=0.3, color=COLORS[0])
        (self._average,) = axes.plot([], [], linewidth=1.8, color=COLORS[0])

    def fill(self, curve: Curve) -> None:
        """Show the curve. A point is an episode, or the mean of neighbors, whose range is shown by a band."""
        if self._band is not None:
            self._band.remove()
            self._band = None
        if np.any(curve.high > curve.low):
            self._band = self.axes.fill_between(
                curve.x, curve.low, curve.high, color=COLORS[0], alpha=0.12, linewidth=0
            )
        self._raw.set_data(curve.x, curve.mean)
        self._average.set_data(curve.x, curve.average)
        self.axes.relim()
        self.axes.autoscale_view()


def comparison(groups: Mapping[str, Band], title: str, ylabel: str, xlabel: str, gap: float = math.inf) -> Figure:
    """A figure with the line and the band of each group, and its runs faint behind them.

    A run that has ended before the others of the figure has a dot at its end: the line does not go on there because
    there is nothing more, not because of a fault. Lines of single runs are broken where nothing came for `gap` or more.
    """
    figure = _figure(7.4, 4.4, layout="constrained")
    axes = figure.add_subplot()
    style(axes)
    furthest = max(x[-1] for band in groups.values() for x, _ in band.curves)
    for i, (name, band) in enumerate(groups.items()):
        color = COLORS[i % len(COLORS)]
        if band.runs > 1:
            for x, y in band.curves:
                axes.plot(*with_gaps(*_thinned(x, y), gap), color=color, linewidth=0.6, alpha=0.3, zorder=1)
            axes.fill_between(band.x, band.low, band.high, color=color, alpha=0.2, linewidth=0)
            axes.plot(band.x, band.middle, color=color, linewidth=2, label=f"{name} ({band.meaning})")
        else:
            line = with_gaps(*_thinned(*band.curves[0]), gap)
            axes.plot(*line, color=color, linewidth=1.8, label=f"{name} ({band.meaning})")
        ended = [(x[-1], y[-1]) for x, y in band.curves if x[-1] < 0.97 * furthest]
        if ended:
            axes.plot(*zip(*ended, strict=True), linestyle="", marker="o", markersize=4, color=color, zorder=3)
    if any(x[-1] < 0.97 * furthest for band in groups.values() for x, _ in band.curves):
        axes.plot([], [], linestyle="", marker="o", markersize=4, color="#5b6570", label="end of a run")
    axes.set_title(title, fontsize=11, loc="left")
    axes.set_ylabel(ylabel, fontsize=9)
    axes.set_xlabel(xlabel, fontsize=9)
    axes.legend(frameon=False, fontsize=8)
    return figure


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """About as many of the points as a figure has pixels, the last one among them."""
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), _POINTS)).round().astype(int))
    return x[chosen], y[chosen]


def scatter(panels: Mapping[str, tuple[Sequence[tuple[Any, float, bool]], bool]], title: str) -> Figure:
    """A figure with a panel for each setting: scores over its values, those of whole trainings strong.

    Args:
        panels: setting -> (value, score, whether it was a whole training) of each, and whether the axis is logarithmic.
    """
    columns = min(len(panels), 3)
    lines = math.ceil(len(panels) / columns)
    figure = _figure(4.2 * columns, 0.5 + 3.0 * lines, layout="constrained")
    figure.suptitle(title, fontsize=11)
    for number, (name, (points, logarithmic)) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(lines, columns, number)
        style(axes)
        axes.set_xlabel(name, fontsize=9)
        numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value, *_ in points)
        if logarithmic and numeric:
            axes.set_xscale("log")
            values = [value for value, *_ in points]
            narrow = max(values) < 100 * min(values)
            # Fewer labels than matplotlib's own, which cover each other in a panel of this width.
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,)))
            axes.xaxis.set_major_formatter(FuncFormatter(tick))
            axes.xaxis.set_minor_formatter(NullFormatter())
        labels = [] if numeric else list(dict.fromkeys(str(value) for value, *_ in points))
        if labels:
            axes.set_xticks(range(len(labels)), labels)
        for whole, color in ((False, "#b6bec8"), (True, COLORS[0])):
            drawn = [(value, score) for value, score, is_whole in points if is_whole == whole]
            x = [value if numeric else labels.index(str(value)) for value, _ in drawn]
            axes.plot(x, [score for _, score in drawn], linestyle="", marker="o", markersize=4, color=color)
    return figure


def style(axes: Axes) -> None:
    """No box around the axes, and a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#b6bec8")
    axes.grid(color="#e6eaee", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, color="#b6bec8")
    axes.tick_params(labelcolor="#39424c")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(FuncFormatter(tick))


def tick(value: float, _position: int | None = None) -> str:
    """The label of a tick: 20000 as "20,000", 0.25 as it is."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.6g}"


def save(figure: Figure, path: Path) -> None:
    """Write the figure in one step, so that no reader finds half of it. The format follows from the ending."""
    content = io.BytesIO()
    canvas = figure.canvas
    if path.suffix == ".png" and isinstance(canvas, FigureCanvasAgg):
        # Not savefig, which draws everything twice. A higher level compresses little more and takes much longer.
        canvas.print_png(content, pil_kwargs={"compress_level": 3})
    else:
        figure.savefig(content, format=path.suffix.removeprefix("."))
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_bytes(path, content.getvalue())


def _figure(width: float, height: float, layout: Literal["constrained"] | None = None) -> Figure:
    figure = Figure(figsize=(width, height), dpi=_DPI, layout=layout)
    FigureCanvasAgg(figure)
    return figure
