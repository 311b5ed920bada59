"""The steps of one environment that are not yet samples."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from soulsai_core import Arrays, ArraySpec, SampleBatch
from soulsai_dqn.features import Features
from soulsai_dqn.nstep import fold


def sample_columns(
    features: Features, actions: int, *, masked: bool, prioritized: bool = False
) -> dict[str, ArraySpec]:
    """The columns of DQN's samples; `next_mask` only where the environment reports masks, `error` (the absolute TD
    error by the client's own Q-values) only for prioritized replay."""
    observed = features.columns()
    columns = {
        **observed,
        "action": ArraySpec((), "int32", low=0, high=actions - 1),
        "reward": ArraySpec((), "float32"),
        "discount": ArraySpec((), "float32", low=0, high=1),
        **{f"next_{name}": spec for name, spec in observed.items()},
    }
    if masked:
        columns["next_mask"] = ArraySpec((actions,), "bool")
    if prioritized:
        columns["error"] = ArraySpec((), "float32", low=0)
    return columns


class Trajectory:
    """Steps in order, in columns: what is observed and `next_` of it, `action`, `reward`, `terminated`, `ended`
    (terminated or truncated), `iteration`, and perhaps `next_mask`.

    Args:
        observed: names of what is observed.
    """

    def __init__(self, observed: Iterable[str]) -> None:
        self._observed = tuple(observed)
        self._steps: Arrays | None = None

    def extend(self, steps: Arrays) -> None:
        """Add steps that followed; the arrays are kept, and may be written into."""
        if self._steps is None:
            self._steps = steps
        else:
            self._steps = {name: np.concatenate([column, steps[name]]) for name, column in self._steps.items()}

    def cut(self) -> None:
        """The last step was the last one seen of its episode."""
        if self._steps is not None:
            self._steps["ended"][-1:] = True

    def take(self, n: int, gamma: float) -> SampleBatch | None:
        """Remove and return the rows whose n-step returns are known."""
        steps = self._steps
        if steps is None:
            return None
        folded = fold(steps["reward"], steps["terminated"], steps["ended"], n, gamma)
        count = len(folded.last)
        if not count:
            return None
        columns = {
            **{name: steps[name][:count] for name in self._observed},
            "action": steps["action"][:count],
            "reward": folded.reward,
            "discount": folded.discount,
            **{following: steps[following][folded.last] for following in (f"next_{name}" for name in self._observed)},
        }
        if "next_mask" in steps:
            columns["next_mask"] = steps["next_mask"][folded.last]
        # What stays is copied, so that the rows given out are nobody else's.
        self._steps = {name: column[count:].copy() for name, column in steps.items()}
        return SampleBatch(steps["iteration"][:count], columns)
