"""How the rows of a round are divided into minibatches."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from soulsai_core import IMAGE, VECTOR, Arrays
from soulsai_ppo.rollouts.columns import BEGINS, LEARNED, START
from soulsai_ppo.spaces import STATE

INPUTS = (VECTOR, IMAGE, STATE, START)
"""Columns that networks read."""

Minibatch = tuple[Arrays, np.ndarray | None]
"""Columns of the rows to learn from, and None. With an LSTM the length of each sequence instead of None; INPUTS and
"learned" then have all rows of the sequences, the other columns only those to learn from."""


def shuffled_rows(columns: Arrays, size: int, rng: np.random.Generator) -> Iterator[Minibatch]:
    """All rows to learn from, each once, in minibatches of about `size` rows, which differ by one row at most."""
    learned = np.flatnonzero(columns[LEARNED])
    order = learned[rng.permutation(len(learned))]
    # All columns are shuffled at once, so that minibatches are slices and not copies.
    columns = {name: column[order] for name, column in columns.items()}
    count = max(round(len(order) / size), 1)
    edges = np.linspace(0, len(order), count + 1).round().astype(int).tolist()
    for start, end in pairwise(edges):
        yield {name: column[start:end] for name, column in columns.items()}, None


def sequence_lengths(rows: Arrays) -> np.ndarray:
    """int64 (sequences,), rows of each sequence [35]."""
    return np.diff(np.append(np.flatnonzero(rows[BEGINS]), len(rows[BEGINS])))


def shuffled_sequences(
    columns: Arrays, lengths: np.ndarray, size: int, rng: np.random.Generator
) -> Iterator[Minibatch]:
    """All sequences with rows to learn from, each once, in minibatches of about `size` such rows."""
    learned = columns[LEARNED]
    firsts = np.cumsum(lengths) - lengths
    chosen = np.flatnonzero(np.logical_or.reduceat(learned, firsts))
    count = min(max(round(int(np.count_nonzero(learned)) / size), 1), len(chosen))
    for part in np.array_split(chosen[rng.permutation(len(chosen))], count):
        rows = np.concatenate([np.arange(firsts[i], firsts[i] + lengths[i]) for i in part])
        own = rows[learned[rows]]
        seen = (*INPUTS, LEARNED)
        yield {name: column[rows if name in seen else own] for name, column in columns.items()}, lengths[part]
