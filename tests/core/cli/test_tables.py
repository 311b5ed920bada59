"""Tables fit a terminal, whatever its width, and lose nothing."""

import pytest
from rich.console import Console

from soulsai_core.cli.tables import Column, Row, table

COLUMNS = (Column("Preset"), Column("For"))
ROWS = [Row(("cartpole", "CartPole-v1 with DQN; return 498 of 500 without exploration after 50,000 steps"))]


@pytest.mark.parametrize(
    ("width", "head", "lines"),
    [(120, "Preset    For", 2), (60, "Preset    For", 3), (40, "cartpole", 4)],
)
def test_last_column_is_wrapped_where_that_leaves_it_readable(width, head, lines):
    console = Console(width=width, record=True)
    console.print(table(COLUMNS, ROWS, width))
    shown = console.export_text().splitlines()
    assert shown[0].rstrip() == head and len(shown) == lines
    assert max(map(len, map(str.rstrip, shown))) <= width
    assert " ".join(" ".join(shown).split()).replace(" For: ", " ").endswith("after 50,000 steps")


def test_numbers_are_not_wrapped():
    columns = (Column("Run"), *(Column(name, True) for name in ("Steps", "Best")))
    console = Console(width=60, record=True)
    console.print(table(columns, [Row(("a" * 50, "1,000,000", "21.5"))], 60))
    assert console.export_text().splitlines()[1].strip() == "Steps: 1,000,000  Best: 21.5"
