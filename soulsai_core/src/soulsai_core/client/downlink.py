"""What a client receives: the node's progress and the newest weights, fetched in a thread of its own."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from soulsai_core.client.evaluation import EvaluationTurns
from soulsai_core.client.window import Window
from soulsai_core.contracts import Transport
from soulsai_core.errors import WireError
from soulsai_core.messages import UNREADABLE, Announcement, Progress, Weights
from soulsai_core.threads import BackgroundWorker, RetryingThread
from soulsai_core.wire import decode_weights

log = logging.getLogger(__name__)

# Seconds that one wait for progress blocks, after which the thread looks whether it shall stop.
_WAIT_S = 1.0

NEW_TRAINING = "another training has begun"


class Downlink(BackgroundWorker):
    """Waits for progress, and fetches the model whenever there is a newer one.

    A model of a new node is fetched whatever its iteration: the node may have resumed from a checkpoint that is older
    than the weights held here.

    Args:
        run_id: the run that this client joined; `ended` is set when there is another one.
        client: this client's id, under which its messages are acknowledged.
        turns: takes the models that this client is asked to evaluate; None: it cannot.
        on_loss: called when this thread has lost the server. The uplink's may not notice: it connects anew by itself
            where the server is back at once.

    Attributes:
        newest: the newest weights, None before the first. Replaced as a whole, never changed, so the client's thread
            may read it without a lock.
        client_index: the index that the node gave this client, None before it is known.
        settings: of the algorithm, as they were announced again, None if they were not. Replaced as a whole.
        place: of this client among those that are connected, by admitted rows, and their number; None at first.
        ended: why the client has to leave, None while it may stay.
    """

    def __init__(
        self,
        transport: Transport,
        run_id: str,
        client: str,
        window: Window,
        rng: random.Random,
        turns: EvaluationTurns | None = None,
        on_loss: Callable[[], object] = lambda: None,
    ) -> None:
        self.newest: Weights | None = None
        self.client_index: int | None = None
        self.settings: dict[str, Any] | None = None
        self.place: tuple[int, int] | None = None
        self.ended: str | None = None
        self._transport = transport
        self._run_id = run_id
        self._client = client
        self._window = window
        self._turns = turns
        self._on_loss = on_loss
        self._settings_of: tuple[str, int] | None = None  # node and version
        self._asked = 0
        self._arrived = threading.Condition()
        self._thread = RetryingThread(
            "downlink",
            self._step,
            rng,
            on_loss=self._lose,
            on_reconnect=lambda: window.connection_back("downlink"),
        )
        self._read_once = False
        self._last = b""
        self._node = ""

    def wait_newer(self, iteration: int, timeout: float) -> bool:
        """Block until there are weights newer than `iteration`; False after `timeout` seconds."""
        with self._arrived:
            return self._arrived.wait_for(
                lambda: self.newest is not None and self.newest.iteration > iteration, timeout
            )

    def close(self) -> None:
        """Stop receiving."""
        self.stop()
        self._thread.join(_WAIT_S + 1.0)

    def _lose(self) -> None:
        self._window.connection_lost("downlink")
        self._on_loss()

    def _step(self) -> None:
        # A notification only shortens the wait. Progress is read after the time-out, too, and before the first wait:
        # notifications that were sent before we listened, or while the connection was lost, never arrive.
        payload = self._transport.wait_progress(_WAIT_S) if self._read_once else None
        payload = payload or self._transport.read_progress()
        self._read_once = True
        if payload is None or payload == self._last:
            return  # progress has a number: the same bytes were read twice
        self._window.heard()
        try:
            self._handle(msgspec.msgpack.decode(payload, type=Progress))
        except UNREADABLE as error:
            log.warning("The node's progress could not be read: %s", error)
        self._last = payload  # only now: what failed on its way is tried again

    def _handle(self, progress: Progress) -> None:
        if progress.run_id != self._run_id:
            self.ended = NEW_TRAINING
        elif progress.state == "stopping":
            self.ended = "the training has ended"
        else:
            self.client_index = progress.client_indices.get(self._client, self.client_index)
            if self._client in progress.places:
                self.place = progress.places[self._client], len(progress.places)
            with self._window.fetching():
                fetched = self._fetch_newer(progress)
                self._read_changed_settings(progress)
                if self._turns is not None:
                    self._take_turn(progress, self._turns)
            # Last: when the client sees the new room, it also sees the weights that came with it.
            self._window.acknowledged(
                progress.node,
                progress.acked.get(self._client, 0),
                progress.window_of(self._client),
                refused=progress.refused.get(self._client),
                # While a model was on its way the node may have acknowledged more.
                busy=progress.busy or fetched,
            )

    def _fetch_newer(self, progress: Progress) -> bool:
        """Fetch the model if it is another one than the one held. Returns whether it was fetched."""
        held = -1 if self.newest is None or progress.node != self._node else self.newest.iteration
        if progress.iteration <= held or not self._fetch(held, progress.iteration):
            return False
        # Remembered only once the node's model is here: until then it is still to be fetched.
        self._node = progress.node
        return True

    def _read_changed_settings(self, progress: Progress) -> None:
        """Read the settings if they were changed, or may have been: a node that resumed has others, and counts anew."""
        now = progress.node, progress.settings
        # At first they are those with which this client was made, unless they were changed before.
        if now == (self._settings_of or (progress.node, 0)):
            self._settings_of = now
            return
        payload = self._transport.read_config()
        if payload is None:
            return
        settings = msgspec.json.decode(payload, type=Announcement).algorithm["config"]
        if settings != self.settings:
            self.settings = settings
        self._settings_of = now

    def _take_turn(self, progress: Progress, turns: EvaluationTurns) -> None:
        """Fetch the model to evaluate if this client was asked once more."""
        asked = progress.evaluation_turns.get(self._client, 0)
        # A node that was started again counts anew. One that was away counts on, although it has another id.
        self._asked = min(self._asked, asked)
        if asked == self._asked:
            return
        model = self._transport.read_evaluation(-1)
        self._asked = asked
        if model is None:
            return
        try:
            turns.ask(decode_weights(*model), progress.evaluation_episodes)
        except WireError as error:
            log.warning("The model to evaluate could not be read: %s", error)

    def _fetch(self, held: int, announced: int) -> bool:
        """Get a newer model than the one held; False if there is none.

        Args:
            announced: its iteration. A server that was killed may have an older one, until the node publishes again.
        """
        model = self._transport.read_model(held)
        if model is None or model[0] < announced:
            return False
        try:
            weights = decode_weights(*model)
        except WireError as error:
            log.warning("The model of iteration %d could not be read: %s", model[0], error)
            return False
        if not self._holds(weights):
            with self._arrived:
                self.newest = weights
                self._arrived.notify_all()
        return True

    def _holds(self, weights: Weights) -> bool:
        """Whether these are the weights that are here already, from a node that was started again. They must not count
        as newer ones: the client would make the rows once more that it may make with them."""
        held = self.newest
        return (
            held is not None
            and held.iteration == weights.iteration
            and held.arrays.keys() == weights.arrays.keys()
            and all(np.array_equal(array, held.arrays[name]) for name, array in weights.arrays.items())
        )
