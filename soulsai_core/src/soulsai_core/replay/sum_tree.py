"""A binary tree of sums in numpy: draws in proportion to priorities, many at a time."""

from __future__ import annotations

import numpy as np

_WIDE = 1024


class SumTree:
    """Priorities of `capacity` slots, 0 at first. Node i has the sum of nodes 2i and 2i + 1; the leaves come last.

    Args:
        capacity: number of slots.
    """

    def __init__(self, capacity: int) -> None:
        self._leaves = 1 << max(capacity - 1, 1).bit_length()
        self._nodes = np.zeros(2 * self._leaves)

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return self._nodes.nbytes

    @property
    def total(self) -> float:
        """Sum of all priorities."""
        return float(self._nodes[1])

    def __getitem__(self, slots: np.ndarray) -> np.ndarray:
        """Priorities (n,) of slots (n,)."""
        return self._nodes.take(self._leaves + slots)

    def set(self, slots: np.ndarray, priorities: np.ndarray) -> None:
        """Give slots (n,) priorities (n,), none negative; of a slot that is there twice the last counts."""
        nodes = self._nodes
        parents = self._leaves + slots
        nodes[parents] = priorities
        parents.sort()  # neighbours lie in the same part of memory
        children = nodes.reshape(-1, 2)  # row i has those of node i
        wide = self._leaves >> 1
        while wide > len(slots):  # below, each parent has few children that changed
            parents >>= 1
            pairs = children.take(parents, axis=0)
            nodes[parents] = pairs[:, 0] + pairs[:, 1]
            wide >>= 1
        while wide:  # above, a whole level is quicker than its parts
            np.add(nodes[2 * wide : 4 * wide : 2], nodes[2 * wide + 1 : 4 * wide : 2], out=nodes[wide : 2 * wide])
            wide >>= 1

    def set_range(self, first: int, priorities: np.ndarray) -> None:
        """Give the slots from `first` on priorities (n,)."""
        if not len(priorities):
            return
        nodes = self._nodes
        low = self._leaves + first
        high = low + len(priorities)  # one behind the last
        nodes[low:high] = priorities
        while low > 1:
            low = low >> 1
            high = (high + 1) >> 1
            np.add(nodes[2 * low : 2 * high : 2], nodes[2 * low + 1 : 2 * high : 2], out=nodes[low:high])

    def before(self, slot: int) -> float:
        """Sum of the priorities of all earlier slots."""
        node = self._leaves + slot
        total = 0.0
        while node > 1:
            if node & 1:
                total += float(self._nodes[node - 1])
            node >>= 1
        return total

    def find(self, sums: np.ndarray) -> np.ndarray:
        """For each of `sums` (n,) in [0, total), the slot where the running sum of priorities passes it."""
        nodes = self._nodes
        wide = min(self._leaves, _WIDE)
        upto = np.cumsum(nodes[wide : 2 * wide])  # a search in one level is quicker than ten steps down to it
        node = np.minimum(np.searchsorted(upto, sums, side="right"), wide - 1)
        rest = sums - (upto[node] - nodes[wide + node])
        node += wide
        while wide < self._leaves:
            node <<= 1
            left = nodes.take(node)  # quicker than an index
            beyond = rest >= left
            node += beyond
            left *= beyond
            rest -= left
            wide <<= 1
        node -= self._leaves
        empty = self[node] <= 0
        if empty.any():  # rounding led behind the last priority
            node[empty] = np.flatnonzero(nodes[self._leaves :])[-1]
        return node
