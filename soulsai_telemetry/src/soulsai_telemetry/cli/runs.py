"""`soulsai runs`: a table of the runs on this machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HELP = "list the runs: their state, environment, algorithm, steps and returns"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder to look in, and the window of the average."""
    parser.add_argument(
        "--saves",
        type=Path,
        default=Path("saves"),
        metavar="FOLDER",
        help="folder that holds the runs (default: saves)",
    )
    parser.add_argument(
        "--window",
        type=int,
        metavar="N",
        help="episodes in the moving average of the return (default: training.stop.episodes of each run)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def run(args: argparse.Namespace) -> int:
    """Print the table, with the newest run last."""
    from soulsai_core import ConfigError
    from soulsai_telemetry.comparing.runs import find_runs, killed_starts
    from soulsai_telemetry.comparing.table import rows, show

    if args.window is not None and args.window < 1:
        raise ConfigError(f"--window is {args.window}; it takes 1 or more.")
    show(rows(find_runs([args.saves]), args.window, args.saves), as_json=args.json)
    for sentence in killed_starts(args.saves):
        print(sentence, file=sys.stderr)
    return 0
