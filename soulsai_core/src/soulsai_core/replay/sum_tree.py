"""A binary tree of sums in numpy: draws in proportion to priorities, many at a time."""

from __future__ import annotations

import numpy as np

# Nodes of the level in which `find` starts. Its running sum has to be computed anew for each call, which for this
# many numbers still takes less time than descending the ten levels above it.
_WIDE = 1024


class SumTree:
    """Priorities of `capacity` slots, 0 at first.

    The nodes of all levels lie in one array, as in a binary heap: the root is node 1, node i is the sum of nodes 2i and
    2i + 1, and the leaves come last. Sums are always computed from both children, never by adding a difference: errors
    of rounding would accumulate over millions of updates until the sums no longer fit the leaves.

    Args:
        capacity: number of slots.
    """

    def __init__(self, capacity: int) -> None:
        self._leaves = 1 << max(capacity - 1, 1).bit_length()
        self._nodes = np.zeros(2 * self._leaves)

    @property
    def bytes(self) -> int:
        """Memory of the tree."""
        return self._nodes.nbytes

    @property
    def total(self) -> float:
        """Sum of all priorities."""
        return float(self._nodes[1])

    @property
    def leaves(self) -> np.ndarray:
        """The priorities of all slots, not a copy."""
        return self._nodes[self._leaves :]

    def __getitem__(self, slots: np.ndarray) -> np.ndarray:
        """Priorities (n,) of slots (n,)."""
        return self._nodes.take(self._leaves + slots)

    def set(self, slots: np.ndarray, priorities: np.ndarray) -> None:
        """Give slots (n,) priorities (n,), none negative; if a slot occurs twice the last priority counts."""
        nodes = self._nodes
        parents = self._leaves + slots
        nodes[parents] = priorities
        parents.sort()  # neighbors lie in the same part of memory
        children = nodes.reshape(-1, 2)  # row i has the children of node i
        wide = self._leaves >> 1
        # In wide levels only the parents of changed nodes are summed again. One that has two of them is summed twice,
        # with the same result.
        while wide > len(slots):
            parents >>= 1
            pairs = children.take(parents, axis=0)
            nodes[parents] = pairs[:, 0] + pairs[:, 1]
            wide >>= 1
        # In narrow levels most nodes have changed, and a whole level at once takes less time than its parts.
        while wide:
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
        """Sum of the priorities of all slots before this one."""
        node = self._leaves + slot
        total = 0.0
        while node > 1:
            if node & 1:  # a right child: everything below its left sibling comes before
                total += float(self._nodes[node - 1])
            node >>= 1
        return total

    def find(self, sums: np.ndarray) -> np.ndarray:
        """For each of `sums` (n,) in [0, total), the slot where the running sum of priorities exceeds it."""
        nodes = self._nodes
        wide = min(self._leaves, _WIDE)
        running = np.cumsum(nodes[wide : 2 * wide])
        node = np.minimum(np.searchsorted(running, sums, side="right"), wide - 1)
        rest = sums - (running[node] - nodes[wide + node])
        node += wide
        while wide < self._leaves:
            node <<= 1
            left = nodes.take(node)  # takes less time than an index
            right = rest >= left
            node += right
            left *= right
            rest -= left
            wide <<= 1
        node -= self._leaves
        # Subtracting the same sums in another order rounds differently: a sum close to a boundary may end in a slot
        # without a priority, which must never be drawn.
        empty = self[node] <= 0
        if empty.any():
            node[empty] = np.flatnonzero(nodes[self._leaves :])[-1]
        return node
