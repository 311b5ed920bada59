"""A complete round as the arrays that an iteration is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soulsai_core import Arrays
from soulsai_ppo.rollouts.columns import ENV, LEARNED


@dataclass(frozen=True, slots=True)
class Experience:
    """All rollouts of a round, one stream after another, each in the order of time.

    Attributes:
        rows: name -> (rows, ...), as in `ClientRollout.columns`.
        firsts: int64 (streams,), the first row of each stream.
        owners: client and environment of each stream.
    """

    rows: Arrays
    firsts: np.ndarray
    owners: list[tuple[str, int]]

    def __len__(self) -> int:
        """Rows that are learned from."""
        return int(np.count_nonzero(self.rows[LEARNED]))


def joined(rollouts: dict[str, Arrays]) -> Experience:
    """The rollouts of all clients as one; some may be empty."""
    names = next(iter(rollouts.values()))
    rows = {name: np.concatenate([rollout[name] for rollout in rollouts.values()]) for name in names}
    firsts: list[int] = []
    owners: list[tuple[str, int]] = []
    offset = 0
    for client, rollout in rollouts.items():
        env = rollout[ENV]
        own = np.flatnonzero(np.diff(env, prepend=-1))
        firsts += (own + offset).tolist()
        owners += [(client, int(env[index])) for index in own]
        offset += len(env)
    return Experience(rows, np.array(firsts, np.int64), owners)
