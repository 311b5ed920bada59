"""How the actor gets newer weights."""

from __future__ import annotations

from soulsai_core.client.batching import Batcher
from soulsai_core.client.downlink import Downlink
from soulsai_core.client.recorder import Recorder
from soulsai_core.contracts import Actor
from soulsai_core.messages import Weights


class WeightsLoader:
    """Loads the newest weights between two steps, and tells the recorder who chooses the next actions.

    Attributes:
        weights: the actor's, None before the first.
        iteration: theirs, -1 before.
    """

    def __init__(self, actor: Actor, recorder: Recorder, downlink: Downlink, batcher: Batcher) -> None:
        self.weights: Weights | None = None
        self.iteration = -1
        self._actor = actor
        self._recorder = recorder
        self._downlink = downlink
        self._batcher = batcher
        self._prepared: Weights | None = None
        self._place = -1

    def renew(self) -> None:
        """Load newer weights, if there are any. What was chosen with the old ones is sent first: waiting would only
        age it."""
        newest = self._downlink.newest
        if newest is not None and newest is not self.weights:
            self._batcher.send()
            self._load(newest)

    def prepare(self) -> None:
        """A step is under way: let the actor prepare newer weights, if there are any."""
        newest = self._downlink.newest
        if newest is not None and newest is not self.weights:
            self._actor.prepare(newest)
            self._prepared = newest

    def renew_prepared(self) -> None:
        """Load what was prepared. What was chosen with the old weights is sent while the next step is under way, or now
        if its last message has to say that it was the last."""
        if self._prepared is None:
            return
        if self._recorder.full:
            self._batcher.send()
        self._batcher.hurry()
        self._load(self._prepared)

    def _load(self, weights: Weights) -> None:
        if self._downlink.place is not None and self._downlink.place != self._place:
            self._place = self._downlink.place
            self._actor.placed(self._place)
        self._actor.load(weights)
        self._recorder.load(weights.iteration, weights.quota)
        self.weights = weights
        self._prepared = None
        self.iteration = weights.iteration
