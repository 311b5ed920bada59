"""`soulsai multirun`: the same training with several seeds, and what they have in common."""

from __future__ import annotations

import argparse
from pathlib import Path

from soulsai_telemetry.cli.plot import add_drawing_arguments

HELP = "train several seeds one after the other, and draw them in one figure"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The seeds, the output, and the arguments of `soulsai train`."""
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="number of runs (default: 5)")
    parser.add_argument("--first-seed", type=int, default=0, metavar="N", help="seed of the first run (default: 0)")
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="new folder for runs and results (default: in saves)"
    )
    add_drawing_arguments(parser)
    parser.add_argument(
        "train", nargs=argparse.REMAINDER, metavar="-- ...", help="arguments of `soulsai train`, after two dashes"
    )


def run(args: argparse.Namespace) -> int:
    """Train all seeds, and write averages.json and figure.png."""
    from soulsai_telemetry.comparing.multirun import Multirun

    return Multirun(args).run()
