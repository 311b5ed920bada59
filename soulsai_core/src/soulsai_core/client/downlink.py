"""The client's ear: holds the newest weights and the node's progress, fetched in a thread of its own."""

from __future__ import annotations

import logging
import random
import threading

import msgspec

from soulsai_core.client.window import Window
from soulsai_core.contracts import Transport
from soulsai_core.errors import WireError
from soulsai_core.messages import Progress, Weights
from soulsai_core.threads import Supervised, SupervisedLoop
from soulsai_core.wire import decode_weights

log = logging.getLogger(__name__)

_WAIT = 1.0

NEW_TRAINING = "another training has begun"


class Downlink(Supervised):
    """Waits for progress, and fetches the model whenever there is a newer one, or one of a new node: that node may have
    resumed from a checkpoint older than what we hold.

    Args:
        run_id: the training that this client joined; `ended` says when there is another one.
        client: this client's id, under which its messages are acknowledged.

    Attributes:
        newest: the newest weights, None before the first. Replaced as a whole, never changed.
        place: the number that the node gave this client, None before it knows it.
        ended: why the client has to leave, None while it may stay.
    """

    def __init__(self, transport: Transport, run_id: str, client: str, window: Window, rng: random.Random) -> None:
        self.newest: Weights | None = None
        self.place: int | None = None
        self.ended: str | None = None
        self._transport = transport
        self._run_id = run_id
        self._client = client
        self._window = window
        self._arrived = threading.Condition()
        self._loop = SupervisedLoop("downlink", self._step, rng, back=window.reset)
        self._looked = False
        self._node = ""

    def wait_newer(self, iteration: int, timeout: float) -> bool:
        """Block until weights newer than `iteration` are there; False after the time-out."""
        with self._arrived:
            return self._arrived.wait_for(
                lambda: self.newest is not None and self.newest.iteration > iteration, timeout
            )

    def close(self) -> None:
        """Stop listening."""
        self.stop()
        self._loop.join(_WAIT + 1.0)

    def _step(self) -> None:
        payload = self._transport.wait_progress(_WAIT) if self._looked else None
        payload = payload or self._transport.read_progress()
        self._looked = True
        if payload is None:
            return
        try:
            self._hear(msgspec.msgpack.decode(payload, type=Progress))
        except msgspec.DecodeError as error:
            log.warning("The node's progress could not be read: %s", error)

    def _hear(self, progress: Progress) -> None:
        if progress.run_id != self._run_id:
            self.ended = NEW_TRAINING
        elif progress.state == "stopping":
            self.ended = "the training has ended"
        else:
            self.place = progress.places.get(self._client, self.place)
            held = -1 if self.newest is None or progress.node != self._node else self.newest.iteration
            if progress.iteration > held and self._fetch(held):
                self._node = progress.node
            self._window.acknowledged(progress.node, progress.acked.get(self._client, 0), progress.window)

    def _fetch(self, held: int) -> bool:
        """Get a newer model than the one held; False if there is none."""
        model = self._transport.read_model(held)
        if model is None:
            return False
        try:
            weights = decode_weights(*model)
        except WireError as error:
            log.warning("The model of iteration %d could not be read: %s", model[0], error)
            return False
        with self._arrived:
            self.newest = weights
            self._arrived.notify_all()
        return True
