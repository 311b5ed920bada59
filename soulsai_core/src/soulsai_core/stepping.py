"""From what an environment returns to what an actor learns from, in one place for every autoreset mode."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from soulsai_core.messages import Arrays, Step, Transitions


def transitions(before: Step, actions: np.ndarray, after: Step) -> Transitions | None:
    """What `actions`, chosen at `before`, led to; None if the step only reset environments.

    Nothing is copied where no episode ended, so the result shares its arrays with the steps: they are not to be
    changed.
    """
    if after.valid is None and not after.final:
        return Transitions(
            _rows(len(actions)),
            before.observations,
            actions,
            after.rewards,
            after.terminated,
            after.truncated,
            after.observations,
            before.masks,
            after.masks,
        )
    rows = _rows(len(actions)) if after.valid is None else np.flatnonzero(after.valid)
    if len(rows) == 0:
        return None
    led_to, led_to_masks = _true_next(after)
    return Transitions(
        rows,
        _select(before.observations, rows),
        actions[rows],
        after.rewards[rows],
        after.terminated[rows],
        after.truncated[rows],
        _select(led_to, rows),
        None if before.masks is None else before.masks[rows],
        None if led_to_masks is None else led_to_masks[rows],
    )


@lru_cache(maxsize=16)
def _rows(count: int) -> np.ndarray:
    rows = np.arange(count)
    rows.flags.writeable = False
    return rows


def _select(arrays: Arrays, rows: np.ndarray) -> Arrays:
    return {name: array[rows] for name, array in arrays.items()}


def _true_next(after: Step) -> tuple[Arrays, np.ndarray | None]:
    """Observations and masks that the actions led to: those that ended an episode instead of the next one's first."""
    if not after.final:
        return after.observations, after.masks
    observations = {name: array.copy() for name, array in after.observations.items()}
    masks = None if after.masks is None else after.masks.copy()
    for row, final in after.final.items():
        for name, value in final.items():
            observations[name][row] = value
        if masks is not None:
            masks[row] = after.final_masks.get(row, True)
    return observations, masks
