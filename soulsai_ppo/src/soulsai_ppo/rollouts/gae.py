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
    """Advantages, float64 (rows,); meaningless for rows that are not learned from.

    A_t = d_t + gamma * lambda * A_{t+1} with d_t = r_t + gamma * V(s_{t+1}) - V(s_t), where V(s_{t+1}) = 0 after a
    termination. The sum ends at a termination, and where the next row is not learned from: such a row is only
    bootstrapped from (Pardo et al. 2018). So no advantage reaches into the next episode or the next stream.

    Args:
        reward, value: (rows,) r_t and V(s_t).
        terminated: bool (rows,), the episode ended in a terminal state.
        learned: bool (rows,), the row is learned from. Unless it terminated, the next row has what was observed after
            it.
        gamma: discount of one step, or of each step (rows,).
    """
    # float64: sums over thousands of steps in float32 would lose digits that the normalized advantages need.
    following = np.zeros(len(value))
    following[:-1] = value[1:]
    following[terminated] = 0.0
    delta = reward.astype(np.float64) + gamma * following - value
    factor = np.zeros(len(value))
    factor[:-1] = learned[:-1] & learned[1:] & ~terminated[:-1]
    factor *= gamma * gae_lambda
    return discounted_sums(delta, factor)


def discounted_sums(x: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """y_t = x_t + factor_t * y_{t+1}, float64 (rows,).

    Computed by doubling (Hillis and Steele 1986) instead of a Python loop over rows: after k rounds each y_t has its
    first 2^k terms. It ends once all further terms are 0, that is after about log2(longest sequence) rounds.
    """
    y = x.astype(np.float64)
    factor = factor.astype(np.float64)
    reach = 1
    while reach < len(y) and factor.any():
        # factor_t is now the product over `reach` steps from t on, and y_{t+reach} has the next `reach` terms.
        y[:-reach] += factor[:-reach] * y[reach:]
        following = factor[reach:].copy()
        factor[-reach:] = 0.0
        factor[:-reach] *= following
        reach *= 2
    return y
