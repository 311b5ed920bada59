"""What the training node publishes: each model, and its progress whenever clients may be waiting for it."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable

import msgspec

from soulsai_core.contracts import Sync, Transport
from soulsai_core.hooks.observers import Observers
from soulsai_core.messages import Progress, Weights, contributor_of
from soulsai_core.node.changes import SettingChanges
from soulsai_core.node.evaluations import Evaluations
from soulsai_core.node.intake import Intake
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.node.roster import Roster
from soulsai_core.node.state import RunState
from soulsai_core.threads import BackgroundWorker, RetryingThread
from soulsai_core.wire import encode_weights

_INTERVAL = 2.0
"""Seconds after which progress is published although nothing has changed."""

_WAIT = 0.5
"""Seconds that one step of the thread waits for something to send."""


class PublishingThread(BackgroundWorker):
    """Sends models and progress in a thread of its own, so that no update waits for the server. Of several that wait
    only the newest is sent."""

    def __init__(
        self,
        transport: Transport,
        observers: Observers,
        metrics: NodeMetrics,
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._transport = transport
        self._observers = observers
        self._metrics = metrics
        self._clock = clock
        # Guards what is to be sent next. It is released before sending: the loop must not wait for the server.
        self._changed = threading.Condition()
        self._weights: Weights | None = None
        self._evaluation: Weights | None = None
        self._progress: Progress | None = None
        self._given = 0.0
        self._model_waits = False
        self._evaluation_waits = False
        self._progress_waits = False
        self._abandoned = False
        self._number = 0
        self._last_sent = clock()
        self._thread = RetryingThread("publishing", self._step, rng, on_reconnect=self.republish)

    def send_model(self, weights: Weights, progress: Progress) -> None:
        """Send this model next. Its arrays must not change afterwards."""
        with self._changed:
            self._weights = weights
            self._progress = progress
            self._given = self._clock()
            self._model_waits = True
            self._changed.notify()

    def send_evaluation(self, weights: Weights, progress: Progress) -> None:
        """Send this model that is to be evaluated, and then the progress that asks for it."""
        with self._changed:
            self._evaluation_waits = self._evaluation_waits or weights is not self._evaluation
            self._evaluation = weights
            self._progress = progress
            self._progress_waits = True
            self._changed.notify()

    def send_progress(self, progress: Progress) -> None:
        """Send this progress next."""
        with self._changed:
            self._progress = progress
            self._progress_waits = True
            self._changed.notify()

    def republish(self) -> None:
        """Send the newest model again, if there is one: the server may have lost it."""
        with self._changed:
            self._given = self._clock()
            self._model_waits = self._weights is not None
            self._evaluation_waits = self._evaluation is not None
            self._changed.notify()

    def abandon(self) -> None:
        """Send nothing more: the server belongs to another node."""
        with self._changed:
            self._abandoned = True

    def stop(self) -> None:
        super().stop()
        with self._changed:
            self._changed.notify()

    def close(self) -> None:
        """Stop, and send what waits."""
        self.stop()
        self._thread.join(_WAIT + 2.0)
        # The thread may have ended before it saw the last progress, which tells the clients to leave.
        self._step()

    def _step(self) -> None:
        with self._changed:
            if not (self._model_waits or self._progress_waits or self._thread.stopping):
                self._changed.wait(_WAIT)
            weights = self._weights if self._model_waits else None
            progress = self._progress if self._model_waits or self._progress_waits else self._repetition()
            evaluation = self._evaluation if self._evaluation_waits else None
            given = self._given
            self._model_waits = False
            self._evaluation_waits = False
            self._progress_waits = False
        if progress is None or self._abandoned:
            return
        try:
            if evaluation is not None:  # before the progress by which clients come to know of it
                self._transport.publish_evaluation(evaluation.iteration, encode_weights(evaluation))
            self._send(weights, progress, given)
        except Exception:
            # Try again with what is newest then: the lock was not held while sending, so there may be a newer model.
            with self._changed:
                self._model_waits = self._model_waits or weights is not None
                self._evaluation_waits = self._evaluation_waits or evaluation is not None
                self._progress_waits = True
            raise

    def _repetition(self) -> Progress | None:
        """The last progress, once the loop has given none for a while, as in a long update: clients shall see that the
        node is there."""
        if self._progress is None or self._clock() - self._last_sent < _INTERVAL + 2 * _WAIT:
            return None
        return msgspec.structs.replace(self._progress, busy=True)

    def _send(self, weights: Weights | None, progress: Progress, given: float) -> None:
        self._number += 1
        encoded = msgspec.msgpack.encode(msgspec.structs.replace(progress, number=self._number))
        self._last_sent = self._clock()
        if weights is None:
            self._transport.publish_progress(encoded)
            return
        payload = encode_weights(weights)
        self._transport.publish(weights.iteration, payload, encoded)
        seconds = self._clock() - given
        self._metrics.publish_seconds.observe(seconds)
        self._observers.emit("weights_published", iteration=weights.iteration, size=len(payload), seconds=seconds)


class Publishing:
    """Decides when progress is due, and composes it. To be called in the loop's thread only.

    Args:
        thread: sends what is published.
        run_id: of the running training.
        intake, roster: of the same node: what was received, and which clients are present.
        evaluations: whom it asks to evaluate which model.
        changes: of settings.
        clock: monotonic seconds.

    Attributes:
        node: the id under which it publishes.
    """

    def __init__(
        self,
        thread: PublishingThread,
        run_id: str,
        sync: Sync,
        state: RunState,
        intake: Intake,
        roster: Roster,
        evaluations: Evaluations,
        changes: SettingChanges,
        clock: Callable[[], float],
    ) -> None:
        self._thread = thread
        self._run_id = run_id
        self._sync = sync
        self._state = state
        self._ledger = intake.ledger
        self._staleness = intake.staleness
        self._roster = roster
        self._evaluations = evaluations
        self._changes = changes
        self._clock = clock
        self.node = _new_id()
        self._changed = False
        self._senders: set[str] = set()
        self._next = clock()
        self._next_places = clock()
        self._places: dict[str, int] = {}

    def publish_model(self, weights: Weights) -> None:
        """Publish a model. The update that made it may have taken long, and no message was looked at meanwhile."""
        self._thread.send_model(weights, msgspec.structs.replace(self._progress("running"), busy=True))
        self._changed = False

    def publish_evaluation_if_due(self) -> None:
        """Ask a client for an evaluation if it is time, and publish the model that is evaluated."""
        if self._evaluations.due(self._roster.present) and self._evaluations.model is not None:
            self._thread.send_evaluation(self._evaluations.model, self._progress("running"))
            self._published()

    def publish_progress_if_due(self) -> None:
        """Publish the progress if it has changed, or if the last one is two seconds old.

        From the repetition clients learn of messages that were lost on their way: they stay unacknowledged.
        """
        if self._changed or self._clock() >= self._next:
            self._thread.send_progress(self._progress("running"))
            self._published()

    def publish_before_update(self) -> None:
        """Publish the progress, so that clients go on during the update.

        A single client does not need it: it may have all rows of the window under way.
        """
        if self._clients > 1:
            self.publish_progress_if_due()

    def publish_end(self) -> None:
        """Tell the clients to leave, unless they are those of another node."""
        if not self._state.replaced:
            self._thread.send_progress(self._progress("stopping"))

    def message_received(self) -> None:
        """A message was judged, so that progress is due at the next opportunity."""
        self._changed = True

    def rows_received(self, client: str) -> None:
        """Rows of this client were admitted. It takes part in the window, even before the roster knows it."""
        self._senders.add(client)

    def clients_changed(self, present: frozenset[str]) -> None:
        """Only these clients are present."""
        self._senders &= present
        self._changed = True

    def restart_acknowledgments(self) -> None:
        """Publish under a new id of the node: the server was away, and may have lost messages that clients have sent.
        They send again what was not acknowledged."""
        self.node = _new_id()
        self._thread.send_progress(self._progress("running"))

    def _published(self) -> None:
        self._changed = False
        now = self._clock()
        self._next = now + _INTERVAL
        # For people: not at each of many progresses in a second.
        if now >= self._next_places:
            self._next_places = now + _INTERVAL
            self._places = self._ledger.places(self._roster.present)

    def _progress(self, state: str) -> Progress:
        return Progress(
            run_id=self._run_id,
            node=self.node,
            state=state,
            iteration=self._state.iteration,
            env_steps=self._state.env_steps,
            window=max(self._share, self._min_window),
            acked=self._ledger.acked(),
            client_indices=self._roster.indices,
            refused=self._ledger.refused(),
            settings=self._changes.version,
            evaluation_turns=self._evaluations.turns,
            evaluation_episodes=self._evaluations.episodes,
            windows=self._windows(),
            places=self._places,
        )

    def _windows(self) -> dict[str, int]:
        """client -> its window, for those of contributors with several clients."""
        windows: dict[str, int] = {}
        for group in self._groups():
            share = self._share if self._sync.required_clients else self._share // len(group)
            windows |= {client: max(share, self._min_window) for client in group if len(group) > 1}
        return windows

    @property
    def _share(self) -> int:
        """Rows that one contributor, or one client of the host, may have under way.

        Where iterations wait for clients, a contributor's clients are worth as much as others: each makes a rollout.
        """
        if self._sync.required_clients:
            return self._rows_under_way() // self._clients
        return self._rows_under_way() // max(len(self._groups()), 1)

    def _groups(self) -> list[list[str]]:
        """The clients that take part: those of each contributor together, those of the host each alone."""
        groups: dict[tuple[str, str], list[str]] = {}
        for client in self._senders | self._roster.present.keys():
            contributor = contributor_of(client)
            groups.setdefault((contributor, "" if contributor else client), []).append(client)
        return list(groups.values())

    @property
    def _clients(self) -> int:
        """Number of clients that take part, at least 1."""
        return max(len(self._senders | self._roster.present.keys()), self._sync.required_clients, 1)

    @property
    def _min_window(self) -> int:
        """Rows that each client may have under way, however many clients there are.

        With one row a client waits for an acknowledgment after each step, with two it does not. Two are granted while
        rows arrive young, as those of games do, whose steps take longer than the way to the node.
        """
        return 2 if 2 * self._staleness.iterations < self._sync.max_staleness else 1

    def _rows_under_way(self) -> int:
        """Rows that all clients together may have under way."""
        # Where iterations wait for clients, each client stops by itself after a rollout. There is room for two, so
        # that a rollout which was lost on its way does not keep its client from the next one.
        if self._sync.required_clients:
            return 2 * self._sync.rows_per_iteration
        # The rows of one client arrive in order. Those of several overtake each other: while a row is on its way, up to
        # twice the rows of the window may be processed, so that only half of them may be granted.
        iterations = (self._sync.max_staleness - 1) // (1 if self._clients == 1 else 2)
        return max(iterations, 1) * self._sync.rows_per_iteration


def _new_id() -> str:
    return uuid.uuid4().hex[:8]
