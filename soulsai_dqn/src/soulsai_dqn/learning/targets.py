"""The action that is bootstrapped from, and the atoms of one action: pure functions."""

from __future__ import annotations

import torch
from torch import Tensor


def bootstrap_actions(values: Tensor, mask: Tensor | None) -> Tensor:
    """The valid action with the largest value, int64 (n, 1) for values (n, actions).

    With values of the online network this is double Q-learning (van Hasselt et al. 2016, equation 4); with those of
    the target network it is DQN's own rule (Mnih et al. 2015).

    Args:
        mask: bool (n, actions) of valid actions, None where all are. In a row without a valid action all count as
            valid, as in `soulsai_core.mask_invalid`.
    """
    if mask is not None:
        usable = mask | ~mask.any(1, keepdim=True)
        values = values.masked_fill(~usable, -torch.inf)
    return values.argmax(1, keepdim=True)


def atoms_of(atoms: Tensor, action: Tensor) -> Tensor:
    """The atoms (n, K) of one action (n, 1) for each row of (n, actions, K)."""
    return atoms.gather(1, action.unsqueeze(2).expand(-1, -1, atoms.shape[2])).squeeze(1)
