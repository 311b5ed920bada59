"""Animations as the state vector counts them: similar ones share a bin, named where it first occurs in the game's
animation table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

DAMAGE = range(5)
STANDING = (17, 18, 19, 23, 24, 25, 26)
STOPPING = (27, 28)
HEAVY_1 = (39, 40)
HEAVY_2 = (41, 42)
FALLING = range(43, 50)
IUDEX_MOVEMENT = (19, 20, 21, 22, 24, 25, 26, 27)


@dataclass(frozen=True)
class Bins:
    """Which bin each animation id belongs to.

    Attributes:
        of: int (animations,), the bin of each id.
        shared: bool (animations,), whether it shares the bin with others.
        count: how many bins there are.
    """

    of: np.ndarray
    shared: np.ndarray
    count: int

    def index(self, animation: int) -> int | None:
        """The bin of an id; None for -1 and for ids that the table does not have."""
        return int(self.of[animation]) if 0 <= animation < len(self.of) else None

    def shares(self, animation: int) -> bool:
        """Whether an id is in a bin with others."""
        return 0 <= animation < len(self.shared) and bool(self.shared[animation])


def bins(animations: int, groups: Sequence[Iterable[int]]) -> Bins:
    """Bins of the ids 0 .. animations-1, where each of `groups` shares one."""
    first = np.arange(animations)
    for group in map(sorted, groups):
        first[group] = group[0]
    names, of = np.unique(first, return_inverse=True)
    return Bins(of, np.bincount(of)[of] > 1, len(names))


PLAYER = bins(50, (DAMAGE, STANDING, STOPPING, HEAVY_1, HEAVY_2, FALLING))
IUDEX = bins(32, (IUDEX_MOVEMENT,))
