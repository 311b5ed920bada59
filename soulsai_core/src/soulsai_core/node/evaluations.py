"""Evaluation during training: which client plays the next episode without exploration, and with which model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from soulsai_core.config import TrainingSettings
from soulsai_core.contracts import Learner
from soulsai_core.messages import Episode, Weights, contributor_of
from soulsai_core.node.state import RunState

_MOST_CLIENTS = 1000
"""Clients whose turns are remembered."""


class Evaluations:
    """Asks the clients in turn, at the times of the schedule. One model is evaluated until all its episodes have been
    reported, so that lost clients and failed episodes only take time.

    To be called in the loop's thread, but for `report`.

    Args:
        settings: of the node, with the schedule.
        learner, state: of the same node; the newest model is evaluated.
        clock: monotonic seconds.

    Attributes:
        turns: client -> number of episodes that it was asked for. Replaced as a whole: other threads read it.
        model: that is evaluated, None before the first turn.
    """

    def __init__(
        self, settings: TrainingSettings, learner: Learner, state: RunState, clock: Callable[[], float]
    ) -> None:
        self.turns: dict[str, int] = {}
        self.model: Weights | None = None
        self._learner = learner
        self._state = state
        self._clock = clock
        self._before: Weights | None = None
        self._reported: list[str] = []
        self.schedule(settings)

    def schedule(self, training: TrainingSettings) -> None:
        """Follow the schedule of these settings from now on."""
        settings = training.evaluation
        self.episodes = settings.episodes
        self._every_s = math.inf if settings.every_s is None else settings.every_s
        self._next = self._clock() + self._every_s

    def due(self, clients: Iterable[str]) -> bool:
        """Ask one of these clients for an episode, if it is time. Returns whether one was asked: `turns` and `model`
        are to be published then."""
        if self._clock() < self._next:
            return False
        present = _asked(clients)
        if not present:
            return False
        self._next = self._clock() + self._every_s
        if self.model is None or len(self._reported) >= self.episodes:
            self._before = self.model
            state = self._state
            self.model = Weights(state.iteration, self._learner.evaluation_weights(), state.env_steps)
            self._reported = []
        client = self._choose(present)
        turns = {name: count for name, count in self.turns.items() if name != client}
        while len(turns) >= _MOST_CLIENTS:
            del turns[next(iter(turns))]
        self.turns = {**turns, client: self.turns.get(client, 0) + 1}
        return True

    def _choose(self, present: list[str]) -> str:
        """The client whose last turn was longest ago."""
        before = list(self.turns)  # in the order of their last turns
        return min(present, key=lambda client: before.index(client) if client in self.turns else -1)

    def report(self, episode: Episode) -> None:
        """Take in an episode that a client reported. May be called from another thread."""
        model = self.model
        if model is None or not episode.evaluation or not episode.complete or episode.iteration != model.iteration:
            return
        # A client that was not asked may report what it likes.
        if self._reported.count(episode.client) < self.turns.get(episode.client, 0):
            self._reported.append(episode.client)

    def kept(self, iteration: int) -> Weights | None:
        """The model of this iteration if it is evaluated, or was last; else None."""
        both = (self.model, self._before)
        return next((model for model in both if model is not None and model.iteration == iteration), None)


def _asked(clients: Iterable[str]) -> list[str]:
    """The host's own clients if there are any: what contributors report may be invented."""
    present = sorted(clients)
    return [client for client in present if not contributor_of(client)] or present
