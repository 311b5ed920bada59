"""`soulsai runs`: a table of the runs on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "list the runs: environment, algorithm, steps, best return, start"


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
        "--window", type=int, default=50, metavar="N", help="episodes in the moving average (default: 50)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def run(args: argparse.Namespace) -> int:
    """Print the table, with the newest run last."""
    from soulsai_core import ConfigError
    from soulsai_telemetry.comparing.runs import find_runs
    from soulsai_telemetry.comparing.table import print_table, rows

    if args.window < 1:
        raise ConfigError(f"--window is {args.window}; it takes 1 or more.")
    print_table(rows(find_runs([args.saves]), args.window), as_json=args.json)
    return 0
