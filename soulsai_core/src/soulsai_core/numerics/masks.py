"""Masks of valid actions, read the same way by all algorithms."""

from __future__ import annotations

import numpy as np


def mask_invalid(values: np.ndarray, masks: np.ndarray | None, fill: float = -np.inf) -> np.ndarray:
    """Values or logits (n, actions), with `fill` for the actions that are not valid.

    Args:
        masks: bool (n, actions) of valid actions, None where all are. In a row without any valid action all count as
            valid: an action must be chosen, and the environment answers for it.
    """
    if masks is None:
        return values
    return np.where(masks | ~masks.any(axis=1, keepdims=True), values, fill)
