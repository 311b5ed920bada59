"""PPO's losses with their derivatives, as pure functions over the rows of a minibatch (n,)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Bound of log-ratios, since exp(89) overflows float32. With a negative advantage the ratio is not clipped: one row
# whose action became that much more likely would turn all parameters into nan.
_MAX_LOG_RATIO = 20


class PolicyLoss(NamedTuple):
    """The clipped surrogate objective, negated.

    Attributes:
        loss: mean over the rows.
        by_log_prob: (n,) its derivative by each log-probability.
        approx_kl: mean of (ratio - 1) - log ratio, which estimates KL(old || new) without bias and with little
            variance (Schulman 2020, "Approximating KL Divergence").
        clip_fraction: share of rows whose ratio is further from 1 than `clip`.
    """

    loss: float
    by_log_prob: np.ndarray
    approx_kl: float
    clip_fraction: float


def policy_loss(log_prob: np.ndarray, old_log_prob: np.ndarray, advantage: np.ndarray, clip: float) -> PolicyLoss:
    """-min(ratio * A, clip(ratio, 1 - clip, 1 + clip) * A) with ratio = exp(log_prob - old_log_prob) (Schulman et al.
    2017, equation 7)."""
    log_ratio = np.minimum(log_prob - old_log_prob, _MAX_LOG_RATIO)
    ratio = np.exp(log_ratio)
    plain = ratio * advantage
    clipped = np.clip(ratio, 1 - clip, 1 + clip) * advantage
    # Where the clipped term is the smaller one it is constant, and no gradient flows; d ratio / d log_prob = ratio.
    chosen = plain <= clipped
    count = len(ratio)
    loss = -float(np.where(chosen, plain, clipped).sum()) / count
    by_log_prob = np.where(chosen, plain, 0) / -count
    outside = np.abs(ratio - 1) > clip
    return PolicyLoss(loss, by_log_prob, float((ratio - 1 - log_ratio).sum()) / count, float(outside.sum()) / count)


def value_loss(
    value: np.ndarray, target: np.ndarray, old_value: np.ndarray, clip: float | None
) -> tuple[float, np.ndarray]:
    """Half the mean squared error, and its derivative by each value (n,) [9]. With `clip`, the larger one of two errors
    counts: that of the value, and that of the value clipped to within `clip` of the old one."""
    error = value - target
    if clip is None:
        return 0.5 * float(error.dot(error)) / len(error), error / len(error)
    change = value - old_value
    clipped = old_value + np.clip(change, -clip, clip) - target
    plain = error * error >= clipped * clipped
    worse = np.where(plain, error, clipped)
    flows = plain | (np.abs(change) <= clip)  # a clipped value is constant
    return 0.5 * float(worse.dot(worse)) / len(error), np.where(flows, worse, 0) / len(error)


def normalized(advantage: np.ndarray) -> np.ndarray:
    """Advantages with mean 0 and sample deviation 1 [7]; a single row becomes 0."""
    count = len(advantage)
    centered = advantage - advantage.sum() / count
    deviation = np.sqrt(centered.dot(centered) / max(count - 1, 1))
    return centered / (deviation + advantage.dtype.type(1e-8))


def explained_variance(value: np.ndarray, target: np.ndarray) -> float:
    """1 for a perfect prediction, 0 for a constant one, negative for a worse one; 0 where all targets are equal."""
    variance = float(np.var(target))
    return 0.0 if variance < 1e-12 else 1 - float(np.var(target - value)) / variance
