"""A share of the episodes is played without exploration and held out from learning."""

from __future__ import annotations

import random

import numpy as np

from soulsai_core.contracts import Actor
from soulsai_core.messages import Arrays, Step, Weights
from soulsai_core.steps import Source

# The flag of an episode among its metrics, until its return takes the place of it.
_FLAG = "evaluation"
RETURN = "evaluation_return"


class EvaluatingActor(Actor):
    """Two actors for the same environments: one explores, and one plays the episodes that are held out.

    Algorithms that wait for complete rollouts count a client's rows, so with a quota all episodes are learned from.

    Args:
        learning, evaluation: actors, made with and without exploration.
        share: of the episodes that are held out.

    Attributes:
        sources: int64 (n,), `Source` of the running episode of each environment.
        changed: whether the newest `act` changed them.
    """

    def __init__(self, learning: Actor, evaluation: Actor, share: float, rng: random.Random) -> None:
        self.sources = np.zeros(0, np.int64)
        self.changed = False
        self._learning = learning
        self._evaluation = evaluation
        self._share = share
        self._rng = rng
        self._has_quota = False

    def load(self, weights: Weights) -> None:
        self._has_quota = weights.quota is not None
        for actor in (self._learning, self._evaluation):
            actor.load(weights)

    def prepare(self, weights: Weights) -> None:
        for actor in (self._learning, self._evaluation):
            actor.prepare(weights)

    def act(self, observations: Arrays, masks: np.ndarray | None, starts: np.ndarray) -> tuple[np.ndarray, Arrays]:
        self.changed = bool(starts.any()) and self._draw(starts)
        held_out = self.sources != Source.AGENT
        if not held_out.any():
            return self._learning.act(observations, masks, starts)
        best, own = self._evaluation.act(observations, masks, starts)
        if held_out.all():
            return best, own
        # Each actor's memory of the other's rows is wrong, and forgotten when their next episode begins. Own columns
        # are those of the learning actor: the other rows are not learned from.
        actions, own = self._learning.act(observations, masks, starts)
        return np.where(held_out.reshape(-1, *[1] * (actions.ndim - 1)), best, actions), own

    def _draw(self, starts: np.ndarray) -> bool:
        """Draw for each episode that begins whether it is held out. Returns whether that is another than before."""
        share = 0.0 if self._has_quota else self._share
        before = self.sources if len(self.sources) == len(starts) else np.zeros(len(starts), np.int64)
        drawn = [int(Source.EVALUATION if self._rng.random() < share else Source.AGENT) for _ in starts]
        sources = np.where(starts, drawn, before)
        changed = not np.array_equal(sources, self.sources)
        self.sources = sources
        return changed

    def flag(self, after: Step) -> None:
        """Flag the held-out episodes that end with this step, among its metrics."""
        for row in np.flatnonzero((after.terminated | after.truncated) & (self.sources != Source.AGENT)).tolist():
            after.metrics.setdefault(row, {})[_FLAG] = 1.0

    def index_assigned(self, index: int) -> None:
        self._learning.index_assigned(index)

    def metrics(self) -> dict[str, float]:
        return self._learning.metrics()


def with_return(metrics: dict[str, float], total_reward: float) -> dict[str, float]:
    """The metrics of an episode, with its return in the place of the flag if it was held out."""
    if _FLAG not in metrics:
        return metrics
    return {name: value for name, value in metrics.items() if name != _FLAG} | {RETURN: total_reward}
