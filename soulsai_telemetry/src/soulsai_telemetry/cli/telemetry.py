"""`soulsai telemetry`: the telemetry node, for a training that runs already or will."""

from __future__ import annotations

import argparse

from soulsai_core import add_config_arguments

HELP = "watch a training: live page, figures, Grafana and more"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The configuration's, and where the training's server is."""
    add_config_arguments(parser)
    parser.add_argument(
        "--redis-address",
        metavar="ADDRESS",
        help="HOST, HOST:PORT or a redis:// or unix:// URL (default: redis.address, else the training on this machine)",
    )
    parser.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Watch one training after the other until somebody ends it."""
    from soulsai_telemetry.telemetry_process import TelemetryProcess

    return TelemetryProcess(args).run()
