"""`soulsai telemetry`: the telemetry node, for a training that runs already or will; and the page of an ended run."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "watch a training: live page, figures, Grafana and more; or open the page of a run that has ended"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The configuration, where the training's server is, and the run to open instead."""
    from soulsai_core.app import add_connection_arguments

    add_connection_arguments(parser, reads_config=True)
    parser.add_argument(
        "--run-folder",
        type=Path,
        metavar="RUN",
        help="open the page of a run that has ended, given by its folder or its name; of a folder of runs, the newest",
    )
    # Given by `soulsai train`: the process ends when its standard input is closed.
    parser.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)
    # Given by the process before: seconds for which the page of the ended run is served.
    parser.add_argument("--stay", type=float, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Watch one training after the other, or serve the page of a run, until the process is asked to end."""
    if args.run_folder is not None:
        from soulsai_telemetry.run_page import RunPage

        return RunPage(args).run()
    from soulsai_telemetry.telemetry_process import TelemetryProcess

    return TelemetryProcess(args).run()
