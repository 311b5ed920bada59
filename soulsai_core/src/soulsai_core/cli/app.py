"""Parses the command line and runs the chosen command. Only that command's module is imported, so `--help` is fast."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from soulsai_core.cli import streams
from soulsai_core.cli.menu import Command, menu
from soulsai_core.errors import SoulsAIError

_OWNER_ALONE = 0o077
"""The permissions that no file and no folder gets."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code, which is 2 for a SoulsAIError: its sentence is printed to stderr. It is
    1 for an error of the system, such as a full disk, that the command does not explain.

    What it writes, such as runs with their models and logs, is for its owner alone, whatever the umask of the system.
    """
    streams.make_usable()
    before = os.umask(_OWNER_ALONE)
    os.umask(before | _OWNER_ALONE)
    try:
        return _run(argv)
    finally:
        os.umask(before)


def _run(argv: Sequence[str] | None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    commands = menu(chosen)
    try:
        parser = _parser(commands, chosen)
        names = [command.name for command in commands]
        if chosen is not None and chosen == arguments[0] and chosen not in names:
            parser.error(f"there is no command {chosen!r}.{_nearest(chosen, names)} --help lists all.")
        # Not `parse_args`, whose error for an unknown option shows the usage of `soulsai` and not of the command.
        args, unknown = parser.parse_known_args(arguments)
        if unknown:
            _refuse_unknown(args.parser, unknown)
        if args.command is None:
            parser.print_help(sys.stderr)
            return 2
        if args.command != "client":
            # A person's own environments lie next to config.yaml. Last, so that they hide no installed module. Not
            # for clients: a server names what they import.
            sys.path.append(str(Path.cwd()))
        code = _find(commands, args.command).module().run(args)
        # Output to a pipe waits in a buffer. Flushed only at exit, a closed pipe would raise outside of this block.
        sys.stdout.flush()
        return code
    except SoulsAIError as error:
        print(f"soulsai: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except SystemExit as error:
        # So does rich end a command whose reader has closed the pipe.
        if isinstance(error.__context__, BrokenPipeError):
            return 0
        raise
    except BrokenPipeError:
        # The reader, such as `head`, has closed the pipe. Python flushes stdout once more at exit, and would fail.
        streams.give_up_output()
        return 0
    except OSError as error:
        print(f"soulsai: {streams.file_problem(error)}", file=sys.stderr)
        try:
            sys.stdout.flush()
        except OSError:
            streams.give_up_output()
        return 1


def client_main() -> int:
    """`soulsai-client ...` is `soulsai client ...`."""
    return main(["client", *sys.argv[1:]])


def _parser(commands: Sequence[Command], chosen: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "soulsai", description="Distributed reinforcement learning on slow, real environments."
    )
    parser.add_argument("--version", action=_Version, help="print the version of soulsai-core")
    parser.set_defaults(parser=parser)
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command in commands:
        subparser = subparsers.add_parser(
            command.name, help=command.help.replace("%", "%%"), description=_sentence(command.help)
        )
        subparser.set_defaults(parser=subparser)
        if command.name == chosen:
            command.module().add_arguments(subparser)
    return parser


def _refuse_unknown(parser: argparse.ArgumentParser, unknown: Sequence[str]) -> NoReturn:
    options = re.findall(r"--[\w-]+", parser.format_help())
    near = next((near for word in unknown if word.startswith("-") and (near := _nearest(word, options))), "")
    parser.error(f"unrecognized arguments: {' '.join(unknown)}.{near} --help says what it takes.")


def _nearest(word: str, known: Sequence[str]) -> str:
    """A question, after a space, for what was probably meant; "" if nothing known is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=1, cutoff=0.7)
    return f" Did you mean {near[0]}?" if near else ""


def _find(commands: Sequence[Command], name: str) -> Command:
    return next(command for command in commands if command.name == name)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


class _Version(argparse.Action):
    """`version=` of argparse, which would need importlib.metadata for every command."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"soulsai-core {version('soulsai-core')}")
        parser.exit()
