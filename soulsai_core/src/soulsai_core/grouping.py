"""Samples as messages of a bounded size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from soulsai_core.messages import SampleBatch


def row_bytes(batch: SampleBatch) -> int:
    """Size of one row with its iteration, in bytes; the batch has rows."""
    arrays = (batch.iteration, *batch.columns.values())
    return sum(array.itemsize * int(np.prod(array.shape[1:], dtype=np.int64)) for array in arrays)


def messages(batch: SampleBatch, max_bytes: int) -> Iterator[SampleBatch]:
    """The rows in order, in batches of at most so many bytes, though at least one row each."""
    rows = max(max_bytes // row_bytes(batch), 1)
    for start in range(0, len(batch), rows):
        part = slice(start, start + rows)
        yield SampleBatch(batch.iteration[part], {name: column[part] for name, column in batch.columns.items()})
