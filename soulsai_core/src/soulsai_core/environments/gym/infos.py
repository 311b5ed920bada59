"""Reads valid actions and numbers to report from the infos of gymnasium.

Valid actions are in `action_mask`, one flag for each action in order, or in `allowed_actions`, a list of the numbers
that the environment has for them. With neither, or with None, all actions are valid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from soulsai_core.environments.gym.actions import ActionCodec

NUMBER = (int, float, np.integer, np.floating, np.bool_)


def numbers(info: Any) -> dict[str, float]:
    """The plain numbers of an info under keys of text, whatever else it holds: texts, arrays, other mappings, objects.

    All infos go through this function, those of vectors and of other processes too. The numbers travel as JSON, so that
    a number beyond the range of floats is left out, and so is a key that UTF-8 cannot hold.
    """
    if not isinstance(info, Mapping):
        return {}
    found = {}
    for key, value in info.items():
        if not isinstance(value, NUMBER) or not isinstance(key, str):
            continue
        try:
            # `str` and `float` make plain ones of those of numpy and of subclasses.
            found[str(key)] = float(value)
            if not key.isascii():
                key.encode()
        except Exception:  # an int beyond floats, half of a pair of UTF-16, a subclass that raises
            found.pop(str(key), None)
    return found


def has_mask(info: Any) -> bool:
    """Whether an info, of one environment or of several, reports valid actions."""
    if not isinstance(info, Mapping):
        return False
    return info.get("action_mask") is not None or info.get("allowed_actions") is not None


def read_mask(info: Any, codec: ActionCodec) -> np.ndarray | None:
    """bool (actions,), None if the info has no valid actions. Raises ValueError for a mask of another length."""
    if not isinstance(info, Mapping):
        return None
    flags = info.get("action_mask")
    if flags is not None:
        return np.array(flags, np.bool_).reshape(codec.maskable)
    allowed = info.get("allowed_actions")
    return None if allowed is None else _mask_of(allowed, codec)


def _mask_of(allowed: Iterable[int], codec: ActionCodec) -> np.ndarray:
    mask = np.zeros(codec.maskable, np.bool_)
    indices = np.array(list(allowed), np.int64) - codec.start
    if ((indices < 0) | (indices >= codec.maskable)).any():
        raise ValueError(f"allowed_actions {list(allowed)} has actions that the action space does not have")
    mask[indices] = True
    return mask


def row_info(infos: Any, row: int) -> dict[str, Any]:
    """The info of one environment from that of a vector: `key` has a value for each row, `_key` flags of the rows that
    have one."""
    found = {}
    for key, values in infos.items() if isinstance(infos, Mapping) else ():
        if not isinstance(key, str) or key.startswith("_") or isinstance(values, Mapping):
            continue
        present = infos.get(f"_{key}")
        try:
            if present is None or present[row]:
                found[key] = values[row]
        except (IndexError, KeyError, TypeError):
            continue  # one value for all rows
    return found


def row_masks(infos: Any, rows: int, codec: ActionCodec) -> np.ndarray:
    """bool (rows, actions) from the infos of a vector environment."""
    masks = np.ones((rows, codec.maskable), np.bool_)
    names = ("action_mask", "allowed_actions", "_action_mask", "_allowed_actions")
    wanted = {name: infos[name] for name in names if name in infos} if isinstance(infos, Mapping) else {}
    for row in range(rows) if wanted else ():
        mask = read_mask(row_info(wanted, row), codec)
        if mask is not None:
            masks[row] = mask
    return masks
