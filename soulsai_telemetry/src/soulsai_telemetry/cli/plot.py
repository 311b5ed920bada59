"""`soulsai plot`: curves of one or more runs in one figure."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from soulsai_core import ConfigError

HELP = "draw the curves of runs: the interquartile mean over seeds, with its interval"

_ENDINGS = (".png", ".svg", ".pdf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The runs, the metric and the output."""
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="a run's folder or its name, or a folder of runs"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("plot.png"),
        metavar="FILE",
        help=".png, .svg or .pdf (default: plot.png)",
    )
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="TEXT",
        help="name in the legend, once for each group of runs with the same settings, in the order of the folders",
    )
    add_drawing_arguments(parser)


def add_drawing_arguments(parser: argparse.ArgumentParser) -> None:
    """--metric, --axis, --window and --title."""
    parser.add_argument(
        "--metric", default="return", help="return, length, seconds, or a number of info (default: return)"
    )
    parser.add_argument(
        "--axis", choices=("steps", "episodes", "hours"), default="steps", help="horizontal axis (default: steps)"
    )
    parser.add_argument(
        "--window",
        type=int,
        metavar="N",
        help="episodes of the moving average (default: training.stop.episodes of the first run)",
    )
    parser.add_argument("--title", metavar="TEXT", help="title of the figure (default: the environment)")


def run(args: argparse.Namespace) -> int:
    """Draw the figure and print its path."""
    from soulsai_core.app import formatting, run_path
    from soulsai_telemetry.comparing.plotting import bands, draw, labeled, title_of
    from soulsai_telemetry.comparing.runs import find_runs

    if args.window is not None and args.window < 1:
        raise ConfigError(f"--window is {args.window}; it takes 1 or more.")
    if args.output.suffix not in _ENDINGS:
        raise ConfigError(f"--output is {args.output}; its ending must be one of {', '.join(_ENDINGS)}.")
    runs = find_runs([run_path(run, Path("saves")) for run in args.runs])
    window = args.window or runs[0].window
    drawn = labeled(bands(runs, args.metric, args.axis, window), args.label)
    title = title_of(runs) if args.title is None else args.title
    draw(drawn, args.output, title, args.metric, args.axis, window)
    for label, band in drawn.items():
        print(f"{label}: {args.metric} {formatting.number(band.middle[-1])} at the end ({band.meaning})")
    empty = [run.name for run in runs if not len(run.values(args.metric, args.axis)[0])]
    if empty:
        print(f"Left out, without an episode that has the metric {args.metric!r}: {', '.join(empty)}", file=sys.stderr)
    print(args.output)
    return 0
