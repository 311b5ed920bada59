"""Episodes that are played without exploration and held out from learning, whenever the node asks for one."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel

from soulsai_core.contracts import Actor
from soulsai_core.messages import Arrays, Weights
from soulsai_core.steps import Source


class EvaluationTurns:
    """What the node asks of this client. The downlink's thread writes it, the client's thread takes it."""

    def __init__(self) -> None:
        self._asked = 0
        self._taken = 0
        self._model: tuple[Weights, int] | None = None

    def ask(self, model: Weights, episodes: int) -> None:
        """Play the next episode with this model, one of `episodes` that evaluate it."""
        self._model = (model, episodes)
        self._asked += 1

    def take(self) -> tuple[Weights, int] | None:
        """The model to evaluate now, None if there is no turn. Turns that add up while an episode lasts are one."""
        if self._asked == self._taken:
            return None
        self._taken = self._asked
        return self._model


class EvaluatingActor(Actor):
    """Two actors for the same environments: one explores, and one plays the episodes that are held out.

    Of the episodes of an environment every second one is held out at most, however often the node asks.

    Args:
        learning, evaluation: actors, made with and without exploration.
        turns: the node's.

    Attributes:
        sources: int64 (n,), `Source` of the running episode of each environment.
        changed: whether the newest `act` changed them.
        iteration: of the model that is evaluated, or was last; -1 before the first.
        episodes: that evaluate it.
    """

    def __init__(self, learning: Actor, evaluation: Actor, turns: EvaluationTurns) -> None:
        self.sources = np.zeros(0, np.int64)
        self.changed = False
        self.iteration = -1
        self.episodes = 0
        self.turns = turns
        self._evaluates = False
        self._learning = learning
        self._evaluation = evaluation

    def load(self, weights: Weights) -> None:
        self._learning.load(weights)

    def prepare(self, weights: Weights) -> None:
        self._learning.prepare(weights)

    def act(self, observations: Arrays, masks: np.ndarray | None, starts: np.ndarray) -> tuple[np.ndarray, Arrays]:
        # Between two steps of a fast environment: a look at one element takes a tenth of the time of a reduction.
        begins = starts[0] if len(starts) == 1 else starts.any()
        self.changed = bool(begins) and self._begin(starts)
        if not self._evaluates:
            return self._learning.act(observations, masks, starts)
        held_out = self.sources != Source.AGENT
        best, own = self._evaluation.act(observations, masks, starts)
        if held_out.all():
            return best, own
        # Each actor's memory of the other's rows is wrong, and forgotten when their next episode begins. Own columns
        # are those of the learning actor: the other rows are not learned from.
        actions, own = self._learning.act(observations, masks, starts)
        return np.where(held_out.reshape(-1, *[1] * (actions.ndim - 1)), best, actions), own

    def _begin(self, starts: np.ndarray) -> bool:
        """Decide of each episode that begins whether it is held out. Returns whether that is another than before."""
        before = self.sources if len(self.sources) == len(starts) else np.zeros(len(starts), np.int64)
        sources = np.where(starts, Source.AGENT, before)
        free = np.flatnonzero(starts & (before == Source.AGENT))
        # One model at a time: the next turn waits until the episode that evaluates another one has ended.
        if len(free) and not (sources != Source.AGENT).any() and (turn := self.turns.take()) is not None:
            model, self.episodes = turn
            if model.iteration != self.iteration:
                self._evaluation.load(model)
                self.iteration = model.iteration
            sources[free[0]] = Source.EVALUATION
        changed = not np.array_equal(sources, self.sources)
        self.sources = sources
        self._evaluates = bool((sources != Source.AGENT).any())
        return changed

    def change(self, config: BaseModel) -> None:
        for actor in (self._learning, self._evaluation):
            actor.change(config)

    def index_assigned(self, index: int) -> None:
        self._learning.index_assigned(index)

    def metrics(self) -> dict[str, float]:
        return self._learning.metrics()
