"""A long wait in pieces, between which one can look at something else."""

from __future__ import annotations

from collections.abc import Iterator


def slices(seconds: float, longest: float = 0.25) -> Iterator[float]:
    """Pieces of a wait, in seconds, that together make `seconds`: at least one."""
    left = seconds
    while left > longest:
        yield longest
        left -= longest
    yield max(left, 0.0)
