"""Samples as messages of a bounded size."""

from __future__ import annotations

from collections.abc import Iterator

from soulsai_core.messages import SampleBatch


def row_bytes(batch: SampleBatch) -> int:
    """Size of one row with its iteration, in bytes; the batch has rows."""
    return (batch.iteration.nbytes + sum(column.nbytes for column in batch.columns.values())) // len(batch)


def messages(batch: SampleBatch, max_bytes: int) -> Iterator[SampleBatch]:
    """The rows in order, in batches of at most so many bytes, though at least one row each."""
    rows = max(max_bytes // row_bytes(batch), 1)
    if len(batch) <= rows:
        yield batch
        return
    for start in range(0, len(batch), rows):
        part = slice(start, start + rows)
        yield SampleBatch(batch.iteration[part], {name: column[part] for name, column in batch.columns.items()})
