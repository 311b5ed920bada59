"""Proportional prioritized replay (Schaul et al. 2016)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from soulsai_core import Arrays, ArraySpec
from soulsai_dqn.config import PriorityConfig
from soulsai_dqn.priorities import importance, priority
from soulsai_dqn.replay import Draw, ReplayBuffer
from soulsai_dqn.sumtree import SumTree

ERROR = "error"


class PrioritizedReplay(ReplayBuffer):
    """A ring of rows that are drawn in proportion to their priorities.

    Rows come with a column "error", their absolute TD error, which is not kept but as a priority.
    """

    def __init__(
        self,
        capacity: int,
        columns: Mapping[str, ArraySpec],
        config: PriorityConfig,
        device: torch.device | None = None,
    ) -> None:
        super().__init__(capacity, columns, device)
        self._config, self._device = config, device
        self._tree = SumTree(capacity)

    @property
    def bytes(self) -> int:
        return super().bytes + self._tree.bytes

    def append(self, rows: Arrays, client: str = "") -> None:
        errors = rows[ERROR][-self.capacity :] if ERROR in rows else np.zeros(0)  # none while loading
        first = min(len(errors), self.capacity - self._next)
        self._tree.set_range(self._next, priority(errors[:first], self._config))
        self._tree.set_range(0, priority(errors[first:], self._config))
        super().append(rows, client)

    def draw(self, rng: np.random.Generator, batches: int, batch_size: int, beta: float = 1.0) -> Draw:
        """Draw with replacement, each minibatch from equal parts of the sum of priorities (appendix B.2.1), and weight
        the rows by `importance`. The parts begin at the oldest row, wherever it lies."""
        total = self._tree.total
        sums = (np.arange(batch_size) + rng.random((batches, batch_size))) * (total / batch_size)
        sums += self._tree.before(self._oldest)
        sums -= total * (sums >= total)
        # Neighbours in the tree are looked for together: most of the time goes into waiting for memory.
        slots = np.ascontiguousarray(self._tree.find(sums.T.ravel()).reshape(batch_size, batches).T)
        drawn = self._gather(slots)
        weights = importance(self._tree[slots], total, len(self), beta)
        drawn.columns["weight"] = weights if self._device is None else torch.from_numpy(weights).to(self._device)
        return drawn

    def update(self, draw: Draw, errors: np.ndarray) -> None:
        """Give the rows drawn the priorities of their new errors, but those that were overwritten since."""
        there = self._still_there(draw)
        self._tree.set(draw.slots[there], priority(errors[there], self._config))

    def _still_there(self, draw: Draw) -> np.ndarray:
        """Which of the rows drawn were not overwritten since: bool (batches, batch_size)."""
        return self._written[draw.slots] == draw.written

    def save(self) -> Arrays:
        slots = np.arange(self._oldest, self._oldest + self._size) % self.capacity
        return {**super().save(), "priority": self._tree[slots]}

    def load(self, rows: Arrays) -> None:
        """Replace the content; the priorities are those that were saved."""
        rows = dict(rows)
        priorities = rows.pop("priority", None)
        if priorities is None:  # saved by a uniform buffer: all are alike
            priorities = np.ones(len(next(iter(rows.values()), ())))
        self._tree = SumTree(self.capacity)
        super().load(rows)
        self._tree.set_range(0, priorities[-self.capacity :])
