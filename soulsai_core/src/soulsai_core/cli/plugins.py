"""`soulsai plugins`: a table of the installed plugins, with the reason if one cannot be used."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soulsai_core.plugins.catalog import Row

_HEAD = ("Group", "Name", "Distribution", "Version", "Usable")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(args: argparse.Namespace) -> int:  # noqa: ARG001
    from soulsai_core.plugins.catalog import Catalog

    rows = [(row.group, row.name, row.distribution, row.version, _usable(row)) for row in Catalog().listing()]
    if not rows:
        print("No plugin is installed. Try: pip install soulsai-dqn")
    elif sys.stdout.isatty():
        _print_table(rows)
    else:
        print("\n".join(plain_lines([_HEAD, *rows])))
    return 0


def _usable(row: Row) -> str:
    return row.error or ("yes" if row.choice == row.name else f"yes, as {row.choice}")


def plain_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns padded with blanks, for files and pipes."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*_HEAD)
    for row in rows:
        table.add_row(*row[:-1], Text(row[-1], style="green" if row[-1].startswith("yes") else "red"))
    Console().print(table)
