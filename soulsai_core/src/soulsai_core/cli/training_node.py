"""`soulsai training-node`: the node alone, for a server that runs already and clients elsewhere."""

from __future__ import annotations

import argparse

from soulsai_core.cli.options import add_config_arguments
from soulsai_core.cli.train import add_resume_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The configuration's, and what to go on with."""
    add_config_arguments(parser)
    add_resume_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Train until a goal is reached or somebody stops it."""
    from soulsai_core.cli.hosting import host

    return host(args, clients=0, alone=True)
