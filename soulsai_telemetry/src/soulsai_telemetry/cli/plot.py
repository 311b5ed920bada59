"""`soulsai plot`: curves of one or more runs in one figure."""

from __future__ import annotations

import argparse
from pathlib import Path

from soulsai_core import ConfigError

HELP = "draw the curves of runs, with median and quartiles over seeds"

_ENDINGS = (".png", ".svg", ".pdf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The runs, the metric and the output."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run's folder, or a folder of runs")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("plot.png"),
        metavar="FILE",
        help=".png, .svg or .pdf (default: plot.png)",
    )
    add_drawing_arguments(parser)


def add_drawing_arguments(parser: argparse.ArgumentParser) -> None:
    """--metric, --axis and --window."""
    parser.add_argument(
        "--metric", default="return", help="return, length, seconds, or a number of info (default: return)"
    )
    parser.add_argument(
        "--axis", choices=("steps", "episodes", "hours"), default="steps", help="horizontal axis (default: steps)"
    )
    parser.add_argument(
        "--window", type=int, default=50, metavar="N", help="episodes of the moving average (default: 50)"
    )


def run(args: argparse.Namespace) -> int:
    """Draw the figure and print its path."""
    from soulsai_telemetry.comparing.plotting import bands, draw
    from soulsai_telemetry.comparing.runs import find_runs

    if args.window < 1:
        raise ConfigError(f"--window is {args.window}; it takes 1 or more.")
    if args.output.suffix not in _ENDINGS:
        raise ConfigError(f"--output is {args.output}; its ending must be one of {', '.join(_ENDINGS)}.")
    drawn = bands(find_runs(args.runs), args.metric, args.axis, args.window)
    draw(drawn, args.output, args.metric, args.axis, args.window)
    for label, band in drawn.items():
        print(f"{label}: {band.runs} run{'s' * (band.runs > 1)}, {args.metric} {band.median[-1]:.4g} at the end")
    print(args.output)
    return 0
