"""`soulsai sweep`: look for good settings, with many trainings."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "look for good settings: many trainings, the hopeless ones ended early"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file that says what is tried, and the trial to train again."""
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="file that says what to try; see the README of soulsai-telemetry"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="folder of the trials; if it has some, the sweep goes on (default: in saves)",
    )
    parser.add_argument("--trial", type=int, metavar="N", help="train trial N again with other seeds, and compare them")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="number of seeds for --trial (default: 3)")


def run(args: argparse.Namespace) -> int:
    """Run the trials that are left, or one of them again."""
    from soulsai_telemetry.comparing.sweep.sweep import Sweep

    sweep = Sweep(args.file, args.output)
    return sweep.run() if args.trial is None else sweep.repeat(args.trial, args.seeds)
