"""Loads newer weights into the actor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from soulsai_core.client.batching import Batcher
from soulsai_core.client.downlink import Downlink
from soulsai_core.client.recorder import Recorder
from soulsai_core.contracts import Actor
from soulsai_core.messages import Weights


class WeightsLoader:
    """Loads the newest weights between two steps, with changed settings before them, and names to the recorder the
    model that chooses the next actions.

    Args:
        check_settings: makes the algorithm's settings from announced ones.

    Attributes:
        weights: the actor's, None before the first.
        iteration: of these weights, -1 before the first.
    """

    def __init__(
        self,
        actor: Actor,
        recorder: Recorder,
        downlink: Downlink,
        batcher: Batcher,
        check_settings: Callable[[Mapping[str, Any]], BaseModel],
    ) -> None:
        self.weights: Weights | None = None
        self.iteration = -1
        self._actor = actor
        self._recorder = recorder
        self._downlink = downlink
        self._batcher = batcher
        self._check_settings = check_settings
        self._settings: Mapping[str, Any] | None = None
        self._prepared: Weights | None = None
        self._client_index = -1

    def load_newest(self) -> None:
        """Load newer weights, if there are any. Rows of the older model are sent first: in waiting for rows of the
        newer one they would only become staler."""
        newest = self._newer()
        if newest is not None:
            self._batcher.send()
            self._load(newest)

    def prepare(self) -> None:
        """Let the actor prepare newer weights, if there are any, while the environment computes a step."""
        newest = self._newer()
        if newest is not None:
            self._actor.prepare(newest)
            self._prepared = newest

    def load_prepared(self) -> None:
        """Load the weights that were prepared. Rows of the older model are sent while the next step is computed."""
        if self._prepared is None:
            return
        # The last message of a quota is marked `closed`. After `Recorder.load` the recorder counts for the newer model,
        # so that message has to be made before.
        if self._recorder.quota_reached:
            self._batcher.send()
        self._batcher.send_soon()
        self._load(self._prepared)

    def _newer(self) -> Weights | None:
        """The downlink's weights if they are others than the actor's: a node that resumed from an earlier checkpoint
        has weights of a smaller iteration, so iterations are not compared."""
        newest = self._downlink.newest
        return None if newest is self.weights else newest

    def _load(self, weights: Weights) -> None:
        if self._downlink.client_index is not None and self._downlink.client_index != self._client_index:
            self._client_index = self._downlink.client_index
            self._actor.index_assigned(self._client_index)
        settings = self._downlink.settings
        if settings is not None and settings is not self._settings:
            self._settings = settings
            self._actor.change(self._check_settings(settings))
        self._actor.load(weights)
        self._recorder.load(weights.iteration, weights.quota)
        self.weights = weights
        self._prepared = None
        self.iteration = weights.iteration
