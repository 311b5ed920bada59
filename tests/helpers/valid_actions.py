"""Valid actions of an info of soulsgym, whatever its version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def valid_actions(info: Mapping[str, Any], actions: int) -> np.ndarray:
    """bool (actions,), from an info with a mask or with a list of valid actions."""
    if info.get("action_mask") is not None:
        return np.array(info["action_mask"], np.bool_)
    mask = np.zeros(actions, np.bool_)
    mask[info["allowed_actions"]] = True
    return mask
