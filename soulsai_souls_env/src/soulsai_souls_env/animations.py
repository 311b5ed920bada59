"""Bins of animations for the one-hot parts of the state vector.

Similar animations share a bin. Bins are numbered by where their first animation occurs in the game's animation table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

# Groups of ids of soulsgym's tables that share a bin. The trained models of SoulsAI depend on them: do not reorder.
DAMAGE = range(5)
STANDING = (17, 18, 19, 23, 24, 25, 26)
STOPPING = (27, 28)
HEAVY_1 = (39, 40)
HEAVY_2 = (41, 42)
FALLING = range(43, 50)
IUDEX_MOVEMENT = (19, 20, 21, 22, 24, 25, 26, 27)


@dataclass(frozen=True)
class Bins:
    """The bin of each animation id.

    Attributes:
        bin_of: int (animations,), the bin of each id.
        shared: bool (animations,), whether the id shares its bin with others.
        count: number of bins.
    """

    bin_of: np.ndarray
    shared: np.ndarray
    count: int

    def index(self, animation: int) -> int | None:
        """The bin of an id; None for -1 and for ids that are not in the table."""
        return int(self.bin_of[animation]) if 0 <= animation < len(self.bin_of) else None

    def is_shared(self, animation: int) -> bool:
        """Whether an id shares its bin with others; False for ids that are not in the table."""
        return 0 <= animation < len(self.shared) and bool(self.shared[animation])


def make_bins(animations: int, groups: Sequence[Iterable[int]]) -> Bins:
    """Bins of the ids 0 to animations-1. Each group shares one bin; every other id has its own."""
    first = np.arange(animations)
    for group in map(sorted, groups):
        first[group] = group[0]
    names, bin_of = np.unique(first, return_inverse=True)
    return Bins(bin_of, np.bincount(bin_of)[bin_of] > 1, len(names))


PLAYER = make_bins(50, (DAMAGE, STANDING, STOPPING, HEAVY_1, HEAVY_2, FALLING))
IUDEX = make_bins(32, (IUDEX_MOVEMENT,))
