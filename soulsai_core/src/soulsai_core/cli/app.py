"""Finds the command and runs it. Only the chosen command's module is imported, so that help answers at once."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NamedTuple

from soulsai_core.errors import SoulsAIError


class Command(NamedTuple):
    """A subcommand; its module has `add_arguments(parser)`, which imports nothing heavy, and `run(args) -> int`.

    `args.command` is the name, for modules that serve several commands.
    """

    name: str
    module: str
    help: str


COMMANDS = (
    Command("train", "train", "train on this machine: server, training node and clients in one go"),
    Command("training-node", "training_node", "run only the training node, for clients elsewhere"),
    Command("client", "client", "run a client that plays and sends its experience to a training node"),
    Command("status", "status", "show what a run is doing"),
    Command("quicksave", "control", "make a running training node save a checkpoint now"),
    Command("shutdown", "control", "end a run: the node saves and stops, and its clients leave"),
    Command("plugins", "plugins", "list the installed plugins, and why one cannot be used"),
    Command("config", "config", "show, check or explain the configuration"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. An error that we raise on purpose becomes a sentence on stderr and exit code 2."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    parser = _parser(chosen)
    args = parser.parse_args(arguments)
    if args.command is None:
        parser.print_help(sys.stderr)
        return 2
    try:
        return _module(args.command).run(args)
    except SoulsAIError as error:
        print(f"soulsai: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def client_main() -> int:
    """`soulsai-client ...` is `soulsai client ...`."""
    return main(["client", *sys.argv[1:]])


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("soulsai", description="Distributed reinforcement learning on real environments.")
    parser.add_argument("--version", action=_Version, help="print the version of soulsai-core")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for command in COMMANDS:
        subparser = commands.add_parser(command.name, help=command.help, description=_sentence(command.help))
        if command.name == chosen:
            _module(chosen).add_arguments(subparser)
    return parser


def _module(name: str) -> ModuleType:
    command = next(command for command in COMMANDS if command.name == name)
    return importlib.import_module(f"soulsai_core.cli.{command.module}")


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


class _Version(argparse.Action):
    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"soulsai-core {version('soulsai-core')}")
        parser.exit()
