"""Options that several commands share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soulsai_core.config import Config


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """--config, --preset, --set and --seed."""
    add_file_argument(parser)
    parser.add_argument(
        "--preset",
        action=_AddPreset,
        default=[],
        dest="presets",
        metavar="NAME",
        help="use an installed preset, whose settings config.yaml and --set override; repeatable, a later one "
        "overrides earlier ones",
    )
    add_set_argument(parser)
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the run; the same as --set run.seed=N")


def add_file_argument(parser: argparse.ArgumentParser) -> None:
    """--config alone."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="file of settings (default: config.yaml, if present)"
    )


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


class _AddPreset(argparse.Action):
    """Adds a name to the presets, and the override `preset=[…]` of all names so far to those of --set.

    As an override it reaches child processes together with the others; of several, the last one counts.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        namespace.presets = [*namespace.presets, values]
        namespace.set = [*namespace.set, f"preset={json.dumps(namespace.presets)}"]
