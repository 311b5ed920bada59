"""`soulsai plugins`: a table of the installed plugins, and the settings of one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soulsai_core.config import Setting
    from soulsai_core.plugins.catalog import Found
    from soulsai_core.plugins.catalog import Row as Listed

_CHOSEN = {
    "algorithm": ("algorithm.name", "algorithm.config"),
    "environment": ("environment.name", "environment.config"),
    "connector": ("connectors[].name", "connectors[].config"),
    "network": ("algorithm.config.network.name", "algorithm.config.network.config"),
    "wrapper": ("environment.config.wrappers[].name", "environment.config.wrappers[].config"),
    "preset": ("preset", ""),
    "telemetry": ("telemetry.enabled", "telemetry.config"),
}
"""Kind of plugin -> the setting that chooses it, and where its own settings are."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`show NAME`; without it all are listed."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    show = actions.add_parser("show", help="print the settings of a plugin: types, defaults, bounds and meaning")
    show.add_argument("name", metavar="NAME", help="name of the plugin")
    show.add_argument("--json", action="store_true", help="print them as JSON")


def run(args: argparse.Namespace) -> int:
    """List the plugins, or show one."""
    from soulsai_core.plugins.catalog import Catalog

    if args.action == "show":
        found = Catalog().find(args.name)
        print(_json(found) if args.json else "\n\n".join(map(_text, found)))
    else:
        _list(Catalog().listing())
    return 0


def _list(plugins: Sequence[Listed]) -> None:
    from rich.console import Console

    from soulsai_core.cli.tables import Column, Row, print_table

    columns = [Column(name) for name in ("Name", "Kind", "Distribution", "Version", "Usable")]
    rows = [
        Row((row.name, row.kind, row.distribution, row.version, _usable(row)), "red" if row.error else "")
        for row in plugins
    ]
    if rows:
        print_table(Console(), columns, rows)
    else:
        print("No plugin is installed. Try: pip install soulsai-dqn soulsai-telemetry")


def _usable(row: Listed) -> str:
    return row.error or ("yes" if row.choice == row.name else f"yes, as {row.choice}")


def _text(found: Found) -> str:
    from soulsai_core.config.yaml_text import dump

    home = f"{found.name}: {found.kind} of {found.distribution} {found.version}"
    chosen, below = _CHOSEN[found.kind]
    if found.kind == "preset":
        return f"{home}, chosen with --preset {found.name}, sets:\n\n{dump(dict(found.plugin.values)).rstrip()}"
    settings = _settings(found)
    # The telemetry node is there or not; there is none to choose.
    choice = f", chosen with {chosen}={found.name}" if found.kind != "telemetry" else ""
    head = f"{home}{choice}. " + (f"Its settings, below {below}:" if settings else "It has no settings.")
    return "\n\n".join((head, *map(_setting_text, settings)))


def _setting_text(setting: Setting) -> str:
    from shutil import get_terminal_size
    from textwrap import fill

    from soulsai_core.config.yaml_text import dump_inline

    kind = f"{setting.type}, {setting.bounds}" if setting.bounds else setting.type
    # The defaults of a section are those of its settings, which follow.
    default = "" if isinstance(setting.default, dict) and setting.default else f" {dump_inline(setting.default)}"
    line = f"{setting.name}:{default}    # {kind}"
    # A file and a pipe have no size, and get the default.
    width = min(get_terminal_size((100, 24)).columns, 100)
    return f"{line}\n{fill(setting.help, width, initial_indent='    ', subsequent_indent='    ')}"


def _settings(found: Found) -> list[Setting]:
    from soulsai_core.config import settings_of

    return settings_of(found.plugin.config)


def _json(found: Sequence[Found]) -> str:
    import json

    return json.dumps([_as_dict(plugin) for plugin in found], indent=2)


def _as_dict(found: Found) -> dict[str, Any]:
    chosen, below = _CHOSEN[found.kind]
    described = {
        "kind": found.kind,
        "name": found.name,
        "distribution": found.distribution,
        "version": found.version,
        "chosen_with": chosen,
    }
    if found.kind == "preset":
        return {**described, "values": dict(found.plugin.values)}
    return {**described, "below": below, "settings": [setting._asdict() for setting in _settings(found)]}
