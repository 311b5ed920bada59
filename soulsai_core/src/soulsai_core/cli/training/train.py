"""`soulsai train`: server, training node, clients and telemetry on this machine."""

from __future__ import annotations

import argparse

from soulsai_core.cli.options import add_config_arguments
from soulsai_core.errors import ConfigError

_CLIENTS = 2
"""Clients that are started if no number is given."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the configuration, the number of clients, and the training to resume."""
    add_config_arguments(parser)
    parser.add_argument(
        "--clients", type=int, metavar="N", help=f"clients to start here (default: {_CLIENTS}; with --serial 1)"
    )
    parser.add_argument(
        "--no-telemetry",
        action="append_const",
        dest="set",
        const="telemetry.enabled=false",
        help="do not run the telemetry node, which shows the training on a web page",
    )
    parser.add_argument(
        "--serial",
        action="store_true",
        help="train in one process with one environment: the same seed gives the same model, also after a resume",
    )
    add_part_argument(parser)
    add_parent_argument(parser)
    add_resume_argument(parser)


def add_part_argument(parser: argparse.ArgumentParser) -> None:
    """--part-of, given by a command that runs several trainings and has an end of its own: the words before the line of
    progress, with warnings the only output."""
    parser.add_argument("--part-of", metavar="TEXT", help=argparse.SUPPRESS)


def add_parent_argument(parser: argparse.ArgumentParser) -> None:
    """--with-parent, given by a command that runs trainings and keeps a pipe to their standard input."""
    parser.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)


def add_resume_argument(parser: argparse.ArgumentParser) -> None:
    """--resume [RUN], and --from RUN with --take."""
    parser.add_argument(
        "--resume",
        nargs="?",
        const="",
        metavar="RUN",
        help="resume this run, named by its folder or its name (default: the one that was killed last, or ended last)",
    )
    parser.add_argument(
        "--from",
        dest="source",
        metavar="RUN",
        help="begin a new run with the weights and settings of this run, or of one of its checkpoints",
    )
    parser.add_argument(
        "--take",
        choices=("weights", "steps", "both"),
        help="what to take of the run that --from names: its weights, the steps in its journal as a full replay "
        "buffer, or both (default: weights)",
    )


def run(args: argparse.Namespace) -> int:
    """Train until a goal is reached or the user stops it."""
    if args.with_parent:
        from soulsai_core.cli.waiting import interrupt_when_parent_ends

        interrupt_when_parent_ends()
    if args.serial:
        if args.clients not in (None, 1):
            raise ConfigError(
                f"--clients is {args.clients}, and a serial training has one client: leave --clients out, or leave "
                "--serial out."
            )
        from soulsai_core.cli.training.serial import train_serially

        return train_serially(args)
    from soulsai_core.cli.training.hosting import host

    return host(args, clients=_CLIENTS if args.clients is None else args.clients, alone=False)
