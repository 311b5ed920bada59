"""`soulsai telemetry`: the telemetry node, for a training that runs already or will."""

from __future__ import annotations

import argparse

HELP = "watch a training: live page, figures, Grafana and more"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The configuration, and where the training's server is."""
    from soulsai_core.app import add_connection_arguments

    add_connection_arguments(parser, reads_config=True)
    # Given by `soulsai train`: the process ends when its standard input is closed.
    parser.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Watch one training after the other until the process is asked to end."""
    from soulsai_telemetry.telemetry_process import TelemetryProcess

    return TelemetryProcess(args).run()
