"""The commands of `soulsai`: those of this package, and those of the entry-point group `soulsai.commands`.

An entry point of that group names a light module with `HELP`, `add_arguments(parser)` and `run(args) -> int`. Entry
points are read only for `--help` or a command that is not in this package. `plugins/catalog.py` does the same for
plugins, but takes too long to import for `soulsai --help`.
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
    """A subcommand. Its module has `add_arguments(parser)`, which imports nothing heavy, and `run(args) -> int`.

    A module with several commands reads the name from `args.command`.
    """

    name: str
    module: Callable[[], ModuleType]
    help: str


def _ours(name: str, module: str, help: str) -> Command:
    return Command(name, lambda: importlib.import_module(f"soulsai_core.cli.{module}"), help)


COMMANDS = (
    _ours("train", "training.train", "train on this machine: server, training node, clients and telemetry"),
    _ours("training-node", "training.training_node", "run the training node alone, for clients on other machines"),
    _ours("client", "client.client", "run a client, which plays and sends its steps to a training node"),
    _ours("play", "agents.play", "watch an agent play, in a window or as a video"),
    _ours("eval", "agents.eval", "measure how good an agent is: many episodes with fixed seeds"),
    _ours("status", "running.status", "show the state of a run, its clients, and what keeps it from learning"),
    _ours("quicksave", "running.control", "make a running training node save a checkpoint now"),
    _ours("set", "running.set", "change settings of a running training, or undo the last change"),
    _ours("shutdown", "running.control", "end a run: the node saves and stops, and its clients leave"),
    _ours("init", "contributors.init", "create passwords, users and certificates for a public server"),
    _ours("invite", "contributors.invite", "invite a contributor: print the line to send to them"),
    _ours("revoke", "contributors.revoke", "end the access of a contributor"),
    _ours("contributors", "contributors.contributors", "list the contributors and what each has contributed"),
    _ours("new", "installed.new", "create the package of a new plugin, with tests"),
    _ours("plugins", "installed.plugins", "list the installed plugins, and why one cannot be used"),
    _ours("doctor", "doctor", "check whether a run could start here: machine, packages, plugins, server, settings"),
    _ours("presets", "installed.presets", "list the installed presets, with what they are for"),
    _ours("config", "config", "show, check or explain the configuration"),
)


def _installed() -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)


def menu(chosen: str | None, installed: Callable[[], Iterable[EntryPoint]] = _installed) -> list[Command]:
    """The commands to offer if the user wrote `chosen`, None for no command.

    No other distribution can replace a command of this package.
    """
    if any(command.name == chosen for command in COMMANDS):
        return list(COMMANDS)
    ours = {command.name for command in COMMANDS}
    found = {entry.name: entry for entry in sorted(installed(), key=_home) if entry.name not in ours}
    return [*COMMANDS, *(_theirs(found[name]) for name in sorted(found))]


def _theirs(entry: EntryPoint) -> Command:
    """A command of another distribution. A broken one shows its error as its help, and raises it when it is run."""
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
