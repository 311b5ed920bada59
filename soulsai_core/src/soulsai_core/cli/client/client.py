"""`soulsai client`, also installed as `soulsai-client`: play in a training that runs on another machine."""

from __future__ import annotations

import argparse

from soulsai_core.cli.connection import add_connection_arguments
from soulsai_core.cli.math_threads import use_one_thread


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """An invitation or connection options. All other settings come from the training node."""
    parser.add_argument(
        "invitation",
        nargs="*",
        metavar="join ...",
        help="`join` and the invitation as it was sent, or `join FILE` with a file that holds it",
    )
    add_connection_arguments(parser)
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the environment and of exploration")
    parser.add_argument(
        "--wait", type=float, default=10.0, metavar="S", help="seconds to wait for the server (default: 10)"
    )
    # No setting: settings come from the host of the training, who must not run programs on this machine.
    parser.add_argument(
        "--start-game",
        nargs=argparse.REMAINDER,
        default=[],
        metavar="PROGRAM ARGUMENT",
        help=(
            "program to run when the environment keeps failing, to restart a game that has crashed or hangs. It is "
            "run without a shell, and must end the old game and load the character. Must be the last option"
        ),
    )
    parser.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Join, play until the training ends, and join the next one if there is one."""
    use_one_thread()
    from soulsai_core.cli.client.client_process import ClientProcess

    return ClientProcess(args).run()
