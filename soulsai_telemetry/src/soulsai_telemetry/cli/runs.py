"""`soulsai runs`: a table of what was trained."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "list the runs: environment, algorithm, steps, best, when"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to look, and how to average."""
    parser.add_argument(
        "--saves", type=Path, default=Path("saves"), metavar="FOLDER", help="folder that holds the runs"
    )
    parser.add_argument("--window", type=int, default=50, metavar="N", help="episodes that are averaged (default: 50)")
    parser.add_argument("--json", action="store_true", help="print it as JSON, for programs")


def run(args: argparse.Namespace) -> int:
    """Print the table, newest run last."""
    from soulsai_core import ConfigError
    from soulsai_telemetry.comparing.runs import find_runs
    from soulsai_telemetry.comparing.table import print_table, rows

    if args.window < 1:
        raise ConfigError(f"--window is {args.window}; it takes 1 or more.")
    print_table(rows(find_runs([args.saves]), args.window), as_json=args.json)
    return 0
