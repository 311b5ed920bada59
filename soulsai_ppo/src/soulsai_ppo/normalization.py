"""Running normalization: Welford's moments, merged batch by batch (Chan et al. 1979)."""

from __future__ import annotations

import numpy as np

from soulsai_core import Arrays
from soulsai_ppo.gae import discounted_sums

_EPSILON = 1e-8


class RunningMoments:
    """Mean and variance of all rows seen, in float64.

    Args:
        shape: of one row.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.mean = np.zeros(shape)
        self.variance = np.ones(shape)
        self.count = 0.0

    def update(self, rows: np.ndarray) -> None:
        """Take in (n, *shape)."""
        count = len(rows)
        if not count:
            return
        rows = rows.astype(np.float64)
        mean, total = rows.mean(axis=0), self.count + count
        delta = mean - self.mean
        squares = self.variance * self.count + rows.var(axis=0) * count + delta * delta * (self.count * count / total)
        self.mean = self.mean + delta * (count / total)
        self.variance = squares / total
        self.count = total

    @property
    def deviation(self) -> np.ndarray:
        """Never 0."""
        return np.sqrt(self.variance + _EPSILON)

    def save(self) -> Arrays:
        """A copy of its numbers."""
        return {"mean": np.array(self.mean), "variance": np.array(self.variance), "count": np.array(self.count)}

    def load(self, arrays: Arrays) -> None:
        """Go on from numbers saved earlier; raises KeyError or ValueError if they do not fit."""
        if arrays["mean"].shape != self.mean.shape or arrays["variance"].shape != self.variance.shape:
            raise ValueError(f"moments of shape {arrays['mean'].shape} instead of {self.mean.shape}")
        self.mean, self.variance = np.array(arrays["mean"]), np.array(arrays["variance"])
        self.count = float(arrays["count"])


def normalize(x: np.ndarray, mean: np.ndarray, inverse: np.ndarray, clip: float) -> np.ndarray:
    """(x - mean) * inverse within ±clip, float32 (n, features)."""
    x = x - mean
    x *= inverse
    return np.clip(x, -clip, clip, out=x)


class RewardScaler:
    """Rewards over the running deviation of the discounted return, whose mean stays where it is (Engstrom et al. 2020,
    Implementation Matters in Deep Policy Gradients).

    Args:
        gamma: discount of the return.
        clip: bound of scaled rewards.
    """

    def __init__(self, gamma: float, clip: float) -> None:
        self.moments = RunningMoments(())
        self._gamma = gamma
        self._clip = clip
        self._returns: dict[tuple[str, int], float] = {}

    def scale(
        self,
        rewards: np.ndarray,
        terminated: np.ndarray,
        cut: np.ndarray,
        starts: np.ndarray,
        owners: list[tuple[str, int]],
    ) -> np.ndarray:
        """Take the rewards of a round in and scale them.

        Args:
            rewards: (steps,) one sequence after another.
            terminated, cut: bool (steps,), as in `gae.advantages`.
            starts: (sequences,) index of each one's first step.
            owners: whose sequences they are; the return goes on where the same owner's last one was cut.
        """
        carried = [self._returns.get(owner, 0.0) for owner in owners]
        running = rewards.astype(np.float64)
        running[starts] += self._gamma * np.array(carried)
        factor = np.full(len(running), self._gamma)
        factor[1:][(terminated | cut)[:-1]] = 0.0
        factor[starts] = 0.0
        running = discounted_sums(running[::-1], factor[::-1])[::-1]
        last = np.append(starts[1:], len(running)) - 1
        kept = np.where(terminated[last], 0.0, running[last])
        self._returns = dict(zip(owners, kept.tolist(), strict=True))
        self.moments.update(running)
        scaled = rewards / self.moments.deviation
        return np.clip(scaled, -self._clip, self._clip).astype(np.float32)

    def save(self) -> tuple[Arrays, list[tuple[str, int, float]]]:
        """The moments, and the running return of each owner."""
        return self.moments.save(), [(*owner, value) for owner, value in self._returns.items()]

    def load(self, moments: Arrays, returns: list[tuple[str, int, float]]) -> None:
        """Go on from what was saved earlier."""
        self.moments.load(moments)
        self._returns = {(str(client), int(env)): float(value) for client, env, value in returns}
