"""n-step returns over a piece of one environment's trajectory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Folded(NamedTuple):
    """The first rows of a piece whose returns are known.

    Attributes:
        reward: float32 (rows,), the discounted sum of the rewards that are in it.
        discount: float32 (rows,), gamma to the number of those rewards; 0 where the episode terminated. The target is
            reward + discount * value(observation that followed `last`).
        last: int (rows,), the step whose reward is the last in the sum.
    """

    reward: np.ndarray
    discount: np.ndarray
    last: np.ndarray


def fold(reward: np.ndarray, terminated: np.ndarray, ended: np.ndarray, n: int, gamma: float) -> Folded:
    """Fold consecutive steps of one environment. A row is known once n rewards are in it or its episode ended; the
    known rows are always the first ones, so the others stay for the next piece.

    A truncated episode ends the sum too, but keeps its discount: the return goes on from the final observation
    (Pardo et al. 2018, Time Limits in Reinforcement Learning, section 3).

    Args:
        reward: float32 (steps,).
        terminated: bool (steps,).
        ended: bool (steps,), terminated or truncated.
        n: number of rewards in a full sum.
        gamma: discount of one step.
    """
    if not ended.any():
        return _fold_within(reward, n, gamma)
    steps = len(reward)
    total = reward.astype(np.float32)
    discount = np.full(steps, gamma, np.float32)
    last = np.arange(steps)
    known = ended | (last + n <= steps)
    goes_on = ~ended
    for k in range(1, n):
        rows = np.flatnonzero(goes_on[: max(steps - k, 0)])
        total[rows] += discount[rows] * reward[rows + k]
        discount[rows] *= gamma
        last[rows] = rows + k
        finished = rows[ended[rows + k]]
        goes_on[finished] = False
        known[finished] = True
    count = int(np.count_nonzero(known))
    last = last[:count]
    discount = np.where(terminated[last], np.float32(0), discount[:count])
    return Folded(total[:count], discount, last)


def _fold_within(reward: np.ndarray, n: int, gamma: float) -> Folded:
    """The same where no episode ends, as in most pieces: all sums have n rewards, so that shifted slices will do."""
    rows = max(len(reward) - n + 1, 0)
    total = reward[:rows].astype(np.float32)
    discount = step = np.float32(gamma)
    for k in range(1, n):
        total += discount * reward[k : k + rows]
        discount = discount * step
    return Folded(total, np.full(rows, discount, np.float32), np.arange(n - 1, n - 1 + rows))
