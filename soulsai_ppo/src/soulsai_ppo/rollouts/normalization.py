"""Rewards divided by the running deviation of the discounted return."""

from __future__ import annotations

import numpy as np

from soulsai_core import REWARD, Arrays, RunningMoments
from soulsai_ppo.rollouts.columns import LEARNED, START
from soulsai_ppo.rollouts.experience import Experience
from soulsai_ppo.rollouts.gae import discounted_sums


class RewardScaler:
    """Divides rewards by the running deviation of the discounted return [30]; the mean is not subtracted (Engstrom et
    al. 2020, Implementation Matters in Deep Policy Gradients).

    Args:
        clip: bound of scaled rewards.
    """

    def __init__(self, clip: float) -> None:
        self.moments = RunningMoments(())
        self._clip = clip
        self._returns: dict[tuple[str, int], float] = {}

    def scale(self, experience: Experience, discount: np.ndarray) -> np.ndarray:
        """Take in the rewards of a round, and return them scaled, float32 (rows,).

        A stream's return goes on from round to round until an episode begins. Rewards that are not learned from count
        as 0.

        Args:
            discount: (rows,), of the return after each row.
        """
        rows = experience.rows
        firsts = experience.firsts
        owners = experience.owners
        goes_on = ~rows[START]
        running = np.where(rows[LEARNED], rows[REWARD], 0).astype(np.float64)
        running[firsts] += goes_on[firsts] * [self._returns.get(owner, 0.0) for owner in owners]
        # R_t = r_t + discount * R_{t-1}, forward in time: `discounted_sums` of the reversed rows.
        factor = np.append(0.0, discount[:-1]) * goes_on
        factor[firsts] = 0.0
        running = discounted_sums(running[::-1], factor[::-1])[::-1]
        # The last row of a stream that goes on is not learned from; its return is the one before, discounted.
        lasts = np.append(firsts[1:], len(running)) - 1
        self._returns = dict(zip(owners, running[lasts].tolist(), strict=True))
        self.moments.update(running[rows[LEARNED]])
        return np.clip(rows[REWARD] / self.moments.deviation, -self._clip, self._clip).astype(np.float32)

    def save(self) -> tuple[Arrays, list[tuple[str, int, float]]]:
        """The moments, and (client, environment, running return) of each stream."""
        return self.moments.save(), [(*owner, value) for owner, value in self._returns.items()]

    def load(self, moments: Arrays, returns: list[tuple[str, int, float]]) -> None:
        """Go on from a saved state."""
        self.moments.load(moments)
        self._returns = {(str(client), int(env)): float(value) for client, env, value in returns}
