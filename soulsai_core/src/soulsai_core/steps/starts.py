"""Where episodes begin: the argument `starts` of `Actor.act`, for clients, players and evaluations alike."""

from __future__ import annotations

import numpy as np

from soulsai_core.messages import Step


def starts_after(step: Step) -> np.ndarray:
    """bool (n,), in which environments the observation of this step begins an episode: where the last episode ended in
    the step, or where the step only reset the environment."""
    if step.valid is None and not step.final:
        return np.zeros(len(step.rewards), np.bool_)
    starts = np.zeros(len(step.rewards), np.bool_) if step.valid is None else ~step.valid
    starts[list(step.final)] = True
    return starts
