"""Which action is bootstrapped from, and what dueling streams say of it: pure functions."""

from __future__ import annotations

import torch
from torch import Tensor


def bootstrap_actions(values: Tensor, mask: Tensor | None) -> Tensor:
    """The valid action of highest value, int64 (n, 1) for values (n, actions); of all, where a mask has none.

    With values of the online network this is double Q-learning (van Hasselt et al. 2016, equation 4); with those of
    the target network it is DQN's own (Mnih et al. 2015).

    Args:
        mask: bool (n, actions) of valid actions, None where all are.
    """
    if mask is not None:
        usable = mask | ~mask.any(1, keepdim=True)
        values = values.masked_fill(~usable, -torch.inf)
    return values.argmax(1, keepdim=True)


def dueling(streams: Tensor) -> Tensor:
    """Value plus mean-subtracted advantages (Wang et al. 2016, equation 9), for each atom.

    Args:
        streams: (n, actions + 1, K), the advantages of all actions and then the value.

    Returns (n, actions, K).
    """
    advantages = streams[:, :-1]
    value = streams[:, -1:]
    return value + advantages - advantages.mean(1, keepdim=True)


def of_action(atoms: Tensor, action: Tensor) -> Tensor:
    """The atoms (n, K) of one action (n, 1) for each row of (n, actions, K)."""
    return atoms.gather(1, action.unsqueeze(2).expand(-1, -1, atoms.shape[2])).squeeze(1)
