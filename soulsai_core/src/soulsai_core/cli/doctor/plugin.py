"""Tries one installed plugin."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from soulsai_core.cli.doctor.chosen import Chosen
from soulsai_core.errors import PluginError, SoulsAIError
from soulsai_core.plugins.findings import OK, Finding, findings_of
from soulsai_core.testing.trials import TRIALS


def try_plugin(chosen: Chosen) -> Iterator[Finding]:
    """Try the plugin of this name, of each kind that has it. Raises PluginError if none can be tried."""
    name = chosen.args.plugin
    kinds = [kind for kind in chosen.catalog.kinds(name) if kind in TRIALS]
    if not kinds:
        known = sorted({row.choice for row in chosen.catalog.listing() if _kind(row.group) in TRIALS})
        near = get_close_matches(name, known, n=1)
        advice = f"Did you mean {near[0]!r}?" if near else f"Installed: {', '.join(known) or 'none'}."
        raise PluginError(f"There is no plugin {name!r} to try. {advice}")
    for kind in kinds:
        yield from findings_of(kind, _tried(kind, name, chosen))


def _kind(group: str) -> str:
    return group.removeprefix("soulsai.").removesuffix("s")


def _tried(kind: str, name: str, chosen: Chosen) -> Iterator[Finding]:
    plugin = chosen.catalog.chosen(kind, name)
    config, origin = _config_of(kind, name, plugin, chosen)
    yield Finding(kind, OK, f"{chosen.catalog.owner(kind, name)}, with {origin}.")
    yield from TRIALS[kind](plugin, config)


def _config_of(kind: str, name: str, plugin: Any, chosen: Chosen) -> tuple[Any, str]:
    """The plugin's settings: those of the configuration if it names this plugin, otherwise its defaults."""
    if kind == "connector" and chosen.is_right():
        parts = zip(chosen.config.connectors, chosen.resolved.connectors, strict=True)
        for part, (_, settings) in parts:
            if part.name == name:
                return settings, "the settings of the configuration"
    if kind in ("algorithm", "environment"):
        try:
            if getattr(chosen.config, kind).name == name:
                return getattr(chosen.resolved, f"{kind}_config"), "the settings of the configuration"
        except SoulsAIError as error:
            if chosen.args.set or chosen.args.config:
                raise
            return plugin.config(), f"its default settings, since the configuration is wrong ({error})"
    return plugin.config(), "its default settings"
