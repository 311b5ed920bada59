"""`soulsai training-node`: the training node alone, for a running server and clients on other machines."""

from __future__ import annotations

import argparse

from soulsai_core.cli.options import add_config_arguments
from soulsai_core.cli.training.train import add_part_argument, add_resume_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the configuration, and the training to resume."""
    add_config_arguments(parser)
    add_part_argument(parser)
    add_resume_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Train until a goal is reached or the user stops it."""
    from soulsai_core.cli.training.hosting import host

    return host(args, clients=0, alone=True)
