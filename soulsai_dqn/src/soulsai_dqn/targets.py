"""Targets and losses of Q-learning, as pure functions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def bootstrap_actions(values: Tensor, mask: Tensor | None) -> Tensor:
    """The valid action of highest value, int64 (n, 1) for values (n, actions); of all, where a mask has none.

    Args:
        mask: bool (n, actions) of valid actions, None where all are.
    """
    if mask is not None:
        usable = mask | ~mask.any(1, keepdim=True)
        values = values.masked_fill(~usable, -torch.inf)
    return values.argmax(1, keepdim=True)


def q_target(reward: Tensor, discount: Tensor, target_values: Tensor, actions: Tensor) -> Tensor:
    """reward + discount * Q_target(next observation, action), all (n,) but target_values (n, actions) and actions
    (n, 1). With actions chosen by the online network this is double Q-learning (van Hasselt et al. 2016, equation 4);
    chosen by the target network it is DQN's own (Mnih et al. 2015). `discount` is 0 where the episode terminated."""
    return reward + discount * target_values.gather(1, actions).squeeze(1)


def td_loss(chosen: Tensor, target: Tensor, kind: str) -> Tensor:
    """Mean loss of Q-values (n,) against targets (n,): "huber" with threshold 1, or "mse" as half the squared error,
    which is the same near 0."""
    if kind == "huber":
        return functional.huber_loss(chosen, target)
    return 0.5 * functional.mse_loss(chosen, target)
