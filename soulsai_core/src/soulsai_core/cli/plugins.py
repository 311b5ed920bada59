"""`soulsai plugins`: a table of the installed plugins, with the reason if one cannot be used."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soulsai_core.plugins.catalog import Row as Listed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(args: argparse.Namespace) -> int:  # noqa: ARG001
    from rich.console import Console

    from soulsai_core.cli.tables import Column, Row, print_table
    from soulsai_core.plugins.catalog import Catalog

    columns = [Column(name) for name in ("Name", "Kind", "Distribution", "Version", "Usable")]
    rows = [
        Row((row.name, row.group, row.distribution, row.version, _usable(row)), "red" if row.error else "")
        for row in Catalog().listing()
    ]
    if rows:
        print_table(Console(), columns, rows)
    else:
        print("No plugin is installed. Try: pip install soulsai-dqn soulsai-telemetry")
    return 0


def _usable(row: Listed) -> str:
    return row.error or ("yes" if row.choice == row.name else f"yes, as {row.choice}")
