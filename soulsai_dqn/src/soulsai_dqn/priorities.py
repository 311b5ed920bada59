"""Prioritized replay's arithmetic, as pure functions (Schaul et al. 2016, section 3)."""

from __future__ import annotations

import numpy as np

from soulsai_core import Arrays
from soulsai_dqn.config import PriorityConfig
from soulsai_dqn.policy import Policy
from soulsai_dqn.rescaling import grown, shrunk


def td_errors(policy: Policy, rows: Arrays, rescaling: float | None = None) -> np.ndarray:
    """Absolute TD errors, float32 (n,), of a client's rows by its own Q-values: initial priorities that nobody has to
    wait for (Horgan et al. 2018, algorithm 1). `rescaling` is the head's."""
    observed = {name: rows[name] for name in rows if f"next_{name}" in rows}
    following = {name: rows[f"next_{name}"] for name in observed}
    values = policy.many(following)
    if "next_mask" in rows:
        usable = rows["next_mask"] | ~rows["next_mask"].any(1, keepdims=True)
        values = np.where(usable, values, -np.inf)
    chosen = policy.many(observed)[np.arange(len(values)), rows["action"]]
    target = shrunk(rows["reward"] + rows["discount"] * grown(values.max(1), rescaling), rescaling)
    return np.abs(target - chosen).astype(np.float32)


def priority(errors: np.ndarray, config: PriorityConfig) -> np.ndarray:
    """(|error| + epsilon) ** alpha (section 3.3)."""
    return (np.abs(errors, dtype=np.float64) + config.epsilon) ** config.alpha


def importance(priorities: np.ndarray, total: float, count: int, beta: float) -> np.ndarray:
    """Weights (N p) ** -beta over their largest in each minibatch, float32 (batches, batch_size) like the priorities
    (section 3.4): p is the priority's share of the `total` of `count` rows."""
    weights = (count / total * priorities) ** -beta
    return (weights / weights.max(-1, keepdims=True)).astype(np.float32)


def beta_at(config: PriorityConfig, rows: int) -> float:
    """The correction's exponent after so many transitions."""
    done = min(rows / config.beta_steps, 1.0)
    return config.beta_start * (1 - done) + config.beta_end * done
