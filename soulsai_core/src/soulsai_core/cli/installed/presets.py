"""`soulsai presets`: the installed presets, with what they are for and what was measured."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(args: argparse.Namespace) -> int:  # noqa: ARG001
    """Print a line for each preset. One that cannot be used is in `soulsai plugins`, with the reason."""
    from rich.console import Console

    from soulsai_core.cli.tables import Column, Row, print_table
    from soulsai_core.plugins.catalog import Catalog

    presets = Catalog().usable("preset")
    if not presets:
        print("No preset is installed. Try: pip install soulsai-dqn")
        return 0
    rows = [Row((preset.name, " ".join(preset.description.split()) or "no description")) for preset in presets]
    console = Console(highlight=False)
    print_table(console, [Column("Preset"), Column("For")], rows)
    console.print(
        "\nTrain with one: soulsai train --preset NAME. Several may be given, each overriding those before it.",
        soft_wrap=not console.is_terminal,
    )
    return 0
