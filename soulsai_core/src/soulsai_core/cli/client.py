"""`soulsai client`, also installed as `soulsai-client`: play for a training that somebody hosts."""

from __future__ import annotations

import argparse
import os

from soulsai_core.cli.connection import add_connection_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """An invitation or the connection's; everything else comes from the training node."""
    parser.add_argument(
        "invitation",
        nargs="*",
        metavar="join ...",
        help="`join` and the words of an invitation, or `join FILE` with a file that holds the line",
    )
    add_connection_arguments(parser)
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the environment and of exploration")
    parser.add_argument(
        "--wait", type=float, default=10.0, metavar="S", help="seconds to wait for a server that does not answer yet"
    )
    parser.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Join, play until the training ends, and join the next one if there is one."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # read when numpy is imported
        os.environ.setdefault(variable, "1")  # small networks: further threads would only wait, and take memory
    from soulsai_core.cli.client_process import Player

    return Player(args).run()
