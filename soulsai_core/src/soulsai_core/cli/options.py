"""Options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soulsai_core.config import Config


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """--config, --preset, --set and --seed."""
    add_file_argument(parser)
    parser.add_argument(
        "--preset",
        action="append",
        default=[],
        dest="set",
        type="preset={}".format,
        metavar="NAME",
        help="settings that go well together, below those of config.yaml; the same as --set preset=NAME",
    )
    add_set_argument(parser)
    parser.add_argument("--seed", type=int, metavar="N", help="the same as --set run.seed=N")


def add_file_argument(parser: argparse.ArgumentParser) -> None:
    """--config alone."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings (default: config.yaml, if it is there)")


def add_set_argument(parser: argparse.ArgumentParser) -> None:
    """--set alone."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="A.B=C",
        help="override a setting, e.g. algorithm.name=ppo; repeatable",
    )


def config_from(args: argparse.Namespace) -> Config:
    """The configuration that the options of `add_config_arguments` ask for."""
    from soulsai_core.config import load_config

    seed = [] if args.seed is None else [f"run.seed={args.seed}"]
    return load_config(args.config, [*args.set, *seed])
