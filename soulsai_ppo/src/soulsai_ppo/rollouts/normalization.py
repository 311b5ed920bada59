"""Rewards over the running deviation of the discounted return."""

from __future__ import annotations

import numpy as np

from soulsai_core import REWARD, Arrays, RunningMoments
from soulsai_ppo.rollouts.columns import LEARNED, START
from soulsai_ppo.rollouts.experience import Experience
from soulsai_ppo.rollouts.gae import discounted_sums


class RewardScaler:
    """Rewards over the running deviation of the discounted return, whose mean stays where it is (Engstrom et al. 2020,
    Implementation Matters in Deep Policy Gradients).

    Args:
        clip: bound of scaled rewards.
    """

    def __init__(self, clip: float) -> None:
        self.moments = RunningMoments(())
        self._clip = clip
        self._returns: dict[tuple[str, int], float] = {}

    def scale(self, experience: Experience, discount: np.ndarray) -> np.ndarray:
        """Take the rewards of a round in, and return them scaled, float32 (rows,). A return goes on from one round to
        the next, until an episode begins; rewards that are not learned from count as 0.

        Args:
            discount: (rows,), of what follows each row.
        """
        rows = experience.rows
        firsts = experience.firsts
        owners = experience.owners
        goes_on = ~rows[START]
        running = np.where(rows[LEARNED], rows[REWARD], 0).astype(np.float64)
        running[firsts] += goes_on[firsts] * [self._returns.get(owner, 0.0) for owner in owners]
        factor = np.append(0.0, discount[:-1]) * goes_on
        factor[firsts] = 0.0
        running = discounted_sums(running[::-1], factor[::-1])[::-1]
        # The last row of a stream whose value goes on is not learned from: its return is the one before, discounted.
        lasts = np.append(firsts[1:], len(running)) - 1
        self._returns = dict(zip(owners, running[lasts].tolist(), strict=True))
        self.moments.update(running[rows[LEARNED]])
        return np.clip(rows[REWARD] / self.moments.deviation, -self._clip, self._clip).astype(np.float32)

    def save(self) -> tuple[Arrays, list[tuple[str, int, float]]]:
        """The moments, and the running return of each stream."""
        return self.moments.save(), [(*owner, value) for owner, value in self._returns.items()]

    def load(self, moments: Arrays, returns: list[tuple[str, int, float]]) -> None:
        """Go on from what was saved earlier."""
        self.moments.load(moments)
        self._returns = {(str(client), int(env)): float(value) for client, env, value in returns}
