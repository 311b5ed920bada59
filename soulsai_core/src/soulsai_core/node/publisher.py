"""The training node's voice: models and progress are sent in a thread of its own; the newest wins."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import msgspec

from soulsai_core.contracts import Transport
from soulsai_core.messages import Progress, Weights
from soulsai_core.threads import Supervised, SupervisedLoop
from soulsai_core.wire import encode_weights

_WAIT = 0.5


class PublishingThread(Supervised):
    """Publishes snapshots as fast as the server takes them; older ones that were not yet sent are skipped.

    Args:
        published: called in the publishing thread with (iteration, bytes, seconds from offer to there).
    """

    def __init__(
        self,
        transport: Transport,
        clock: Callable[[], float],
        rng: random.Random,
        published: Callable[[int, int, float], None],
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._published = published
        self._changed = threading.Condition()
        self._weights: Weights | None = None
        self._progress: Progress | None = None
        self._offered = 0.0
        self._model_due = False
        self._progress_due = False
        self._loop = SupervisedLoop("publisher", self._step, rng, back=self.republish)

    def offer(self, weights: Weights, progress: Progress) -> None:
        """Send this model next. The arrays must not change afterwards."""
        with self._changed:
            self._weights, self._progress, self._offered = weights, progress, self._clock()
            self._model_due = True
            self._changed.notify()

    def offer_progress(self, progress: Progress) -> None:
        """Send this progress next."""
        with self._changed:
            self._progress = progress
            self._progress_due = True
            self._changed.notify()

    def republish(self) -> None:
        """Send the newest model again: the server may have forgotten it."""
        with self._changed:
            self._offered = self._clock()
            self._model_due = self._weights is not None
            self._changed.notify()

    def stop(self) -> None:
        super().stop()
        with self._changed:
            self._changed.notify()

    def close(self) -> None:
        """Stop, and send what is waiting."""
        self.stop()
        self._loop.join(_WAIT + 2.0)
        self._step()

    def _step(self) -> None:
        with self._changed:
            if not (self._model_due or self._progress_due or self._loop.stopping):
                self._changed.wait(_WAIT)
            weights = self._weights if self._model_due else None
            progress = self._progress if self._model_due or self._progress_due else None
            offered = self._offered
            self._model_due = self._progress_due = False
        if progress is None:
            return
        try:
            self._send(weights, progress, offered)
        except Exception:
            with self._changed:
                self._model_due = self._model_due or weights is not None
                self._progress_due = True
            raise

    def _send(self, weights: Weights | None, progress: Progress, offered: float) -> None:
        encoded = msgspec.msgpack.encode(progress)
        if weights is None:
            self._transport.publish_progress(encoded)
            return
        payload = encode_weights(weights)
        self._transport.publish(weights.iteration, payload, encoded)
        self._published(weights.iteration, len(payload), self._clock() - offered)
