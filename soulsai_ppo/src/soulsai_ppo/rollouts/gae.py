"""Generalized advantage estimation (Schulman et al. 2016, equation 16) over all streams of a round at once."""

from __future__ import annotations

import numpy as np


def advantages(
    reward: np.ndarray,
    value: np.ndarray,
    terminated: np.ndarray,
    learned: np.ndarray,
    gamma: float | np.ndarray,
    gae_lambda: float,
) -> np.ndarray:
    """float64 (rows,); of rows that are not learned from it has no meaning.

    A_t = d_t + gamma * lambda * A_{t+1} with d_t = r_t + gamma * V(s_{t+1}) - V(s_t). After a termination there is
    nothing, V(s_{t+1}) = 0. The sum ends at a termination, and where the next row is not learned from: what was
    observed there is only bootstrapped from (Pardo et al. 2018). So nothing runs into the next episode.

    Args:
        reward, value: (rows,) r_t and V(s_t).
        terminated: bool (rows,), the episode ended in a terminal state.
        learned: bool (rows,). After each such row that did not terminate lies the one with what it led to.
        gamma: discount of one step, or of each (rows,).
    """
    following = np.zeros(len(value))
    following[:-1] = value[1:]
    following[terminated] = 0.0
    delta = reward.astype(np.float64) + gamma * following - value
    factor = np.zeros(len(value))
    factor[:-1] = learned[:-1] & learned[1:] & ~terminated[:-1]
    factor *= gamma * gae_lambda
    return discounted_sums(delta, factor)


def discounted_sums(x: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """y_t = x_t + factor_t * y_{t+1}, by doubling: after k rounds each y_t holds its first 2^k terms (Hillis and Steele
    1986). It ends as soon as all further terms are 0, that is after log2 of the longest sequence."""
    y = x.astype(np.float64)
    factor = factor.astype(np.float64)
    reach = 1
    while reach < len(y) and factor.any():
        y[:-reach] += factor[:-reach] * y[reach:]
        following = factor[reach:].copy()
        factor[-reach:] = 0.0
        factor[:-reach] *= following
        reach *= 2
    return y
