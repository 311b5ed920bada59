"""A complete round as the arrays that an update works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soulsai_core import Arrays
from soulsai_ppo.columns import CUT, ENV, RESET, TERMINATED


@dataclass(frozen=True, slots=True)
class Experience:
    """All rollouts of a round, one environment's rows after another's, each in the order of time.

    Attributes:
        rows: name -> (steps, ...), the sent columns and `reset`, where an episode began within a rollout.
        starts: int (sequences,), index of each environment's first row.
        owners: (client, environment) of each sequence.
    """

    rows: Arrays
    starts: np.ndarray
    owners: list[tuple[str, int]]

    def __len__(self) -> int:
        return len(self.rows[ENV])


def joined(rollouts: dict[str, Arrays]) -> Experience:
    """The rollouts of all clients as one."""
    names = next(iter(rollouts.values()))
    rows = {name: np.concatenate([rollout[name] for rollout in rollouts.values()]) for name in names}
    starts: list[int] = []
    owners: list[tuple[str, int]] = []
    offset = 0
    for client, rollout in rollouts.items():
        env = rollout[ENV]
        first = np.append(0, np.flatnonzero(np.diff(env)) + 1)
        starts += (first + offset).tolist()
        owners += [(client, int(env[index])) for index in first]
        offset += len(env)
    ended = rows[TERMINATED] | rows[CUT]
    rows[RESET] = np.append(False, ended[:-1])
    rows[RESET][starts] = False  # these begin with the state that was sent
    return Experience(rows, np.array(starts), owners)
