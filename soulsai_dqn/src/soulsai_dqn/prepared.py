"""Policies that are made before they are needed: folding and copying weights takes longer than acting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from soulsai_core import Arrays

P = TypeVar("P")


class Prepared(Generic[P]):
    """Makes policies from weights, and keeps one for whoever comes with the same arrays.

    Args:
        make: the policy of these arrays.
    """

    def __init__(self, make: Callable[[Arrays], P]) -> None:
        self._make = make
        self._kept: tuple[Arrays, P] | None = None

    def prepare(self, arrays: Arrays) -> None:
        """Make one now, in place of what was kept."""
        self._kept = arrays, self._make(arrays)

    def policy(self, arrays: Arrays) -> P:
        """The one that was prepared from these very arrays, or a new one. Nothing is kept afterwards."""
        kept, self._kept = self._kept, None
        return kept[1] if kept is not None and kept[0] is arrays else self._make(arrays)
