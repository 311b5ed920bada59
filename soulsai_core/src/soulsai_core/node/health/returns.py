"""Whether returns rise over a run, from mean returns of stretches of it."""

from __future__ import annotations

import math
from statistics import fmean, variance

from soulsai_core.node.status.node_status import Trend

_BLOCKS = 64
"""Blocks beyond which two neighbors each become one."""

_LEAST = 16
"""Blocks from which on there is a trend: four in each quarter of the run."""


class ReturnTrend:
    """Keeps the means of equally long stretches of episodes, few enough for runs of any length.

    Args:
        block: episodes of one stretch at first. It doubles whenever there are 64 of them.
    """

    def __init__(self, block: int = 4) -> None:
        self._size = block
        self._blocks: list[float] = []
        self._sum = 0.0
        self._count = 0

    def add(self, total_reward: float) -> None:
        """Take in the return of the next episode."""
        self._sum += total_reward
        self._count += 1
        if self._count < self._size:
            return
        self._blocks.append(self._sum / self._count)
        self._sum = 0.0
        self._count = 0
        if len(self._blocks) == _BLOCKS:
            self._blocks = [(a + b) / 2 for a, b in zip(self._blocks[::2], self._blocks[1::2], strict=True)]
            self._size *= 2

    def trend(self) -> Trend | None:
        """The trend over the newest half of the run; None before there are enough episodes."""
        if len(self._blocks) < _LEAST:
            return None
        quarter = len(self._blocks) // 4
        before = self._blocks[-2 * quarter : -quarter]
        now = self._blocks[-quarter:]
        # The episodes of one stretch resemble each other, so the error is that of the means of stretches.
        error = math.sqrt((variance(before) + variance(now)) / quarter)
        spread = max(self._blocks) - min(self._blocks)
        return Trend(2 * quarter * self._size, fmean(now) - fmean(before), error, spread)
