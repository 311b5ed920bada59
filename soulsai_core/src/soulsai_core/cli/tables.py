"""Tables that lose nothing: as wide as a terminal allows, and as blocks of lines where it is too narrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from soulsai_core.node.formatting import GAP, plain_lines

_TEXT_WIDTH = 36
"""Blanks that a last column of text needs at least to be wrapped."""

_INDENT = 2
"""Blanks before the lines of a block."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its head, and whether it has numbers, which are aligned to the right."""

    name: str
    number: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: its cells, of which the first names it, and a style of rich for all of them."""

    cells: tuple[str, ...]
    style: str = ""


def table(columns: Sequence[Column], rows: Sequence[Row], width: int) -> RenderableType:
    """A table if it fits `width` columns of a terminal, perhaps with its last column wrapped; else a block for each
    row."""
    cells = [[Text(cell).cell_len for cell in row.cells] for row in rows]
    heads = [len(column.name) for column in columns]
    *before, last = (max(lengths) for lengths in zip(heads, *cells, strict=True))
    left = width - sum(before) - GAP * len(before)
    fits = last <= left or (left >= _TEXT_WIDTH and not columns[-1].number)
    return _as_table(columns, rows) if fits else _as_blocks(columns, rows, width)


def print_table(console: Console, columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """Print a table that fits the console. Into a file or a pipe each row is one line, however long."""
    if console.is_terminal:
        console.print(table(columns, rows, console.width))
        return
    for line in plain_lines([[column.name for column in columns], *(row.cells for row in rows)]):
        print(line, file=console.file)


def _as_table(columns: Sequence[Column], rows: Sequence[Row]) -> Table:
    made = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False)
    for column in columns:
        is_last = column is columns[-1]
        made.add_column(column.name, justify="right" if column.number else "left", no_wrap=not is_last)
    for row in rows:
        # `Text` is shown as it is: a string would be read as rich's markup, and some comes from clients.
        made.add_row(*map(Text, row.cells), style=row.style)
    return made


def _as_blocks(columns: Sequence[Column], rows: Sequence[Row], width: int) -> Group:
    blocks: list[RenderableType] = []
    for row in rows:
        blocks.append(Text(row.cells[0], style=f"bold {row.style}".strip()))
        pairs = zip(columns[1:], row.cells[1:], strict=True)
        lines = _filled([f"{column.name}: {cell}" for column, cell in pairs if cell], width - _INDENT)
        blocks.append(Padding(Text("\n".join(lines)), (0, 0, 0, _INDENT)))
    return Group(*blocks)


def _filled(pairs: Sequence[str], width: int) -> list[str]:
    """Lines of at most `width` columns, in which a value stays next to its name; a longer pair is a line of its own."""
    lines: list[str] = []
    for pair in pairs:
        together = f"{lines[-1]}{' ' * GAP}{pair}" if lines else pair
        if lines and Text(together).cell_len <= width:
            lines[-1] = together
        else:
            lines.append(pair)
    return lines
