"""The command's options, and which checks they ask for."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from soulsai_core.cli.options import add_config_arguments

if TYPE_CHECKING:
    from soulsai_core.cli.doctor.checks import Check
    from soulsai_core.cli.doctor.chosen import Chosen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the configuration, one plugin to try instead, and the form of the output."""
    add_config_arguments(parser)
    parser.add_argument(
        "--plugin",
        metavar="NAME",
        help="check one installed plugin in this process: the first requirements of its contract, and 100 steps",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def look(args: argparse.Namespace, choose: Callable[[Chosen], list[Check]]) -> int:
    """Make these checks and show what they find. Returns the exit code."""
    from soulsai_core.cli.doctor import checks, report
    from soulsai_core.cli.doctor.chosen import Chosen

    chosen = Chosen(args)
    return report.show(checks.findings(choose(chosen), chosen.slow_call), as_json=args.json)


def run(args: argparse.Namespace) -> int:
    """Look at everything that a run with these settings needs, or at one plugin. Returns 2 if there is a problem."""
    from soulsai_core.cli.doctor.checks import of_machine, of_plugin

    return look(args, of_plugin if args.plugin else of_machine)


def run_config_check(args: argparse.Namespace) -> int:
    """`soulsai config check`: the part on settings alone."""
    from soulsai_core.cli.doctor.checks import of_settings

    return look(args, of_settings)
