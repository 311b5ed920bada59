"""Generalized advantage estimation (Schulman et al. 2016, equation 16) over all sequences of a round at once."""

from __future__ import annotations

import numpy as np


def advantages(
    reward: np.ndarray,
    value: np.ndarray,
    next_value: np.ndarray,
    terminated: np.ndarray,
    cut: np.ndarray,
    gamma: float,
    gae_lambda: float,
) -> np.ndarray:
    """float64 (steps,) for steps that lie one sequence after another, each in the order of time.

    A_t = d_t + gamma * lambda * A_{t+1} with d_t = r_t + gamma * V(s_{t+1}) - V(s_t). After a termination there is
    nothing, V(s_{t+1}) = 0. A truncation bootstraps from the observation that ended the episode (Pardo et al. 2018).
    At both, and where a sequence ends, the sum does not go on: nothing runs into the next episode.

    Args:
        reward, value: (steps,) r_t and V(s_t).
        next_value: (steps,) V(s_{t+1}) where `cut`; what it holds elsewhere does not matter.
        terminated: bool (steps,), the episode ended in a terminal state.
        cut: bool (steps,), the next row is not this one's successor though the episode did not terminate: truncation,
            and the end of a sequence. The last row is terminated or cut.
    """
    following = np.empty(len(value), np.float64)
    following[:-1] = value[1:]
    following[-1:] = 0.0
    following = np.where(cut, next_value, following)
    following[terminated] = 0.0
    delta = reward.astype(np.float64) + gamma * following - value
    factor = np.where(terminated | cut, 0.0, gamma * gae_lambda)
    return discounted_sums(delta, factor)


def discounted_sums(x: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """y_t = x_t + factor_t * y_{t+1}, by doubling: after k rounds each y_t holds its first 2^k terms (Hillis and Steele
    1986). It ends as soon as all further terms are 0, that is after log2 of the longest sequence."""
    y, factor, reach = x.astype(np.float64), factor.astype(np.float64), 1
    while reach < len(y) and factor.any():
        y[:-reach] += factor[:-reach] * y[reach:]
        following = factor[reach:].copy()
        factor[-reach:] = 0.0
        factor[:-reach] *= following
        reach *= 2
    return y
