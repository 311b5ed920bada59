"""How the rows of a round are dealt out to gradient steps."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from soulsai_core import Arrays

Minibatch = tuple[Arrays, np.ndarray | None]
"""Columns, and for an LSTM the length of each of the sequences that they are."""


def shuffled_rows(columns: Arrays, size: int, rng: np.random.Generator) -> Iterator[Minibatch]:
    """All rows once, in minibatches of `size` or nearly so: they differ by one row at most."""
    rows = len(next(iter(columns.values())))
    order = rng.permutation(rows)
    columns = {name: column[order] for name, column in columns.items()}
    count = max(round(rows / size), 1)
    edges = np.linspace(0, rows, count + 1).round().astype(int).tolist()
    for start, end in pairwise(edges):
        yield {name: column[start:end] for name, column in columns.items()}, None


class Sequences:
    """The rows of a round in pieces of at most `length` steps, each within one environment's rows [35].

    Args:
        rows: rows of the round, one environment's after another's.
        starts: index of each environment's first row.
        length: of the longest piece.

    Attributes:
        lengths: of all pieces, in order.
    """

    def __init__(self, rows: int, starts: np.ndarray, length: int) -> None:
        ends = np.append(starts[1:], rows)
        self._rows = rows
        self._first = np.concatenate([np.arange(a, b, length) for a, b in zip(starts, ends, strict=True)])
        self.lengths = np.diff(np.append(self._first, rows))

    def shuffled(self, columns: Arrays, size: int, rng: np.random.Generator) -> Iterator[Minibatch]:
        """All pieces once, in minibatches of about `size` rows."""
        count = min(max(round(self._rows / size), 1), len(self._first))
        for part in np.array_split(rng.permutation(len(self._first)), count):
            rows = np.concatenate([np.arange(self._first[i], self._first[i] + self.lengths[i]) for i in part])
            yield {name: column[rows] for name, column in columns.items()}, self.lengths[part]
