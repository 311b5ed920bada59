"""Epsilon-greedy exploration that never picks an action that is not valid."""

from __future__ import annotations

import numpy as np

from soulsai_dqn.config import EpsilonConfig


def epsilon_at(config: EpsilonConfig, env_steps: int) -> float:
    """Share of random actions after so many environment steps of all clients."""
    done = min(env_steps / config.steps, 1.0)
    return config.start * (1 - done) + config.end * done


def random_action(rng: np.random.Generator, mask: np.ndarray | None, actions: int) -> int:
    """Uniform over the valid actions; over all, where a mask has none."""
    if mask is not None:
        valid = np.flatnonzero(mask)
        if len(valid):
            return int(valid[rng.integers(len(valid))])
    return int(rng.integers(actions))


def greedy_action(values: np.ndarray, mask: np.ndarray | None) -> int:
    """The valid action of highest value in float (actions,); of all, where a mask has none."""
    if mask is not None and mask.any():
        values = np.where(mask, values, -np.inf)
    return int(values.argmax())
