"""`soulsai set`: change settings of a running training, or undo the last change."""

from __future__ import annotations

import argparse

from soulsai_core.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The settings, and the connection."""
    from soulsai_core.cli.connection import add_connection_arguments

    parser.add_argument(
        "settings", nargs="*", metavar="NAME=VALUE", help="for example algorithm.config.learning_rate=1e-4"
    )
    parser.add_argument("--back", action="store_true", help="undo the last change; given again, the one before it")
    add_connection_arguments(parser, reads_config=True)
    parser.add_argument(
        "--timeout", type=float, default=60.0, metavar="S", help="seconds to wait for a busy node (default: 60)"
    )


def run(args: argparse.Namespace) -> int:
    """Send the change, and print what the node answers: the values before and after, or why nothing has changed."""
    import getpass
    import platform

    from soulsai_core.cli.running.control import send

    if bool(args.settings) == args.back:
        raise ConfigError("Give settings as name.of.setting=value, or --back to undo the last change.")
    for setting in args.settings:
        if "=" not in setting:
            raise ConfigError(f"{setting}: write it as name.of.setting=value.")
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user without a name, as in containers
        user = "an unknown user"
    origin = f"{user} on {platform.node() or 'this machine'}"
    if args.back:
        return send(args, "set_back", {"origin": origin})
    return send(args, "set", {"settings": args.settings, "origin": origin})
