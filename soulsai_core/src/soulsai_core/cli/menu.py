"""Which commands there are: ours, and those that installed distributions add through `soulsai.commands`.

An entry point of that group names a light module with `HELP`, `add_arguments(parser)` and `run(args) -> int`, as the
modules of this package have. It is read only when help is asked for or a command is not ours; `catalog.py` does the
same for plugins, but takes too long to import for `soulsai --help`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import NamedTuple

from soulsai_core.errors import PluginError

GROUP = "soulsai.commands"


class Command(NamedTuple):
    """A subcommand; its module has `add_arguments(parser)`, which imports nothing heavy, and `run(args) -> int`.

    `args.command` is the name, for modules that serve several commands.
    """

    name: str
    module: Callable[[], ModuleType]
    help: str


def _ours(name: str, module: str, help: str) -> Command:
    return Command(name, lambda: importlib.import_module(f"soulsai_core.cli.{module}"), help)


COMMANDS = (
    _ours("train", "train", "train on this machine: server, training node and clients in one go"),
    _ours("training-node", "training_node", "run only the training node, for clients elsewhere"),
    _ours("client", "client", "run a client that plays and sends its experience to a training node"),
    _ours("status", "status", "show what a run is doing"),
    _ours("quicksave", "control", "make a running training node save a checkpoint now"),
    _ours("shutdown", "control", "end a run: the node saves and stops, and its clients leave"),
    _ours("init", "init", "make passwords, users and certificates for a server that others reach"),
    _ours("invite", "invite", "let somebody join: prints the line to send to them"),
    _ours("revoke", "revoke", "put somebody out who was invited"),
    _ours("contributors", "contributors", "show who was invited, and what they gave"),
    _ours("plugins", "plugins", "list the installed plugins, and why one cannot be used"),
    _ours("config", "config", "show, check or explain the configuration"),
)


def _installed() -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)


def menu(chosen: str | None, installed: Callable[[], Iterable[EntryPoint]] = _installed) -> list[Command]:
    """The commands to offer where `chosen` is the word given, None if none was. Ours go before others of that name."""
    if any(command.name == chosen for command in COMMANDS):
        return list(COMMANDS)
    ours = {command.name for command in COMMANDS}
    found = {entry.name: entry for entry in sorted(installed(), key=_home) if entry.name not in ours}
    return [*COMMANDS, *(_theirs(found[name]) for name in sorted(found))]


def _theirs(entry: EntryPoint) -> Command:
    """A command of another distribution. A broken one says so in its help, and when it is called."""
    try:
        module = _load(entry)
    except PluginError as error:
        return Command(entry.name, lambda: _load(entry), str(error))
    return Command(entry.name, lambda: module, module.HELP)


def _load(entry: EntryPoint) -> ModuleType:
    try:
        module = entry.load()
    except Exception as error:
        raise PluginError(
            f"The command {entry.name!r} of {_home(entry)} cannot be used: {type(error).__name__}: {error}."
        ) from error
    if not all(hasattr(module, name) for name in ("HELP", "add_arguments", "run")):
        raise PluginError(
            f"The command {entry.name!r} of {_home(entry)} cannot be used: {entry.value} must have HELP, "
            "add_arguments and run."
        )
    return module


def _home(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unnamed distribution"
