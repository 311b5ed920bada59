"""The training node: receive -> admit -> learner.add -> learner.ready? -> learner.update -> publish -> checkpoint."""

from __future__ import annotations

import logging
import queue
import random
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from prometheus_client import Gauge, Histogram

from soulsai_core import run_folder
from soulsai_core.commands import CommandDesk
from soulsai_core.config import TrainingSettings
from soulsai_core.contracts import Entry, Learner, Transport
from soulsai_core.episode_log import EpisodeLog
from soulsai_core.errors import SoulsAIError
from soulsai_core.freshness import Freshness
from soulsai_core.hooks import Observers
from soulsai_core.housekeeper import Housekeeper, NodeLine
from soulsai_core.intake import Intake
from soulsai_core.messages import Announcement, Arrays, NodeStatus, Progress, Weights
from soulsai_core.metrics import NodeMetrics
from soulsai_core.publisher import Publisher
from soulsai_core.receiver import SampleReceiver
from soulsai_core.roster import Roster
from soulsai_core.run_folder import RunFolder
from soulsai_core.saving import CheckpointOptions, Counters, Saver
from soulsai_core.status import StatusBoard
from soulsai_core.wire import SampleDecoder

log = logging.getLogger(__name__)

_IDLE = 0.05


class TrainingNode:
    """The loop that trains, around any learner.

    Args:
        learner: the algorithm's server half.
        transport: connection to the server.
        folder: where this training is kept; its name is the training's session name.
        announcement: what clients download.
        config: the resolved configuration without secrets, saved as JSON.
        settings: how the node runs.
        observers: who hears the events; closed at the end.
        metrics: counted and measured whether or not anybody reads them.
        clock: monotonic seconds.
        rng: for the jitter of reconnects.
    """

    def __init__(
        self,
        *,
        learner: Learner,
        transport: Transport,
        folder: RunFolder,
        announcement: Announcement,
        config: Mapping[str, Any],
        settings: TrainingSettings,
        observers: Observers,
        metrics: NodeMetrics,
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self.folder = folder
        self.iteration = 0
        self.env_steps = 0
        self.metrics = metrics
        self.latest: NodeStatus | None = None
        self._learner = learner
        self._transport = transport
        self._announcement = announcement
        self._config = dict(config)
        self._settings = settings
        self._observers = observers
        self._clock = clock
        self._resumed = False
        self._node = uuid.uuid4().hex[:8]
        self._requests: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._reason: str | None = None
        self._stop_lock = threading.Lock()
        self._untold = False
        sync = learner.sync
        decoder = SampleDecoder(learner.columns, int(settings.max_message_mb * 2**20))
        self._intake = Intake(folder.name, decoder, Freshness(sync.max_staleness), metrics, self._judged)
        self._episodes = EpisodeLog(folder.episodes, settings.stop.episodes)
        self._receiver = SampleReceiver(transport, rng)
        self._publisher = Publisher(transport, clock, rng, self._published)
        self._housekeeper = Housekeeper(
            transport,
            msgspec.json.encode(announcement),
            Roster(settings.client_timeout_s),
            self._episodes,
            observers,
            metrics,
            NodeLine(
                command=lambda command: self._requests.put(lambda: self._desk.answer(command)),
                clients=lambda present: self._requests.put(lambda: self._clients_changed(present)),
                forgotten=self._publisher.republish,
                env_steps=lambda: self.env_steps,
                status=self._status,
            ),
            rng,
        )
        self._board = StatusBoard(clock)
        self._saver = Saver(learner, announcement, observers, self._counters)
        self._desk = CommandDesk(transport, self._saver, folder, lambda: self.iteration, self.shutdown)

    # -- what others may ask for

    def run(self) -> str:
        """Train until something ends it; returns the reason. Leaves a checkpoint behind, except after an error."""
        try:
            self._start()
            while self._reason is None:
                self._turn()
            self.checkpoint(self.folder.checkpoint, self._options("final"))
        except BaseException:
            self._reason = self._reason or "error"
            raise
        finally:
            self._finish()
        return self._reason

    def shutdown(self, reason: str) -> None:
        """Ask the loop to end after its current update. May be called from any thread and from signal handlers."""
        with self._stop_lock:
            self._reason = self._reason or reason

    def checkpoint(self, path: Path, options: CheckpointOptions | None = None) -> None:
        """Write a checkpoint to `path`. Call it between `run`s or from the loop's thread only."""
        with self.monitor_timing(self.metrics.checkpoint_seconds):
            self._saver.write(path, options or CheckpointOptions())

    def load_checkpoint(self, path: Path) -> None:
        """Go on from the checkpoint at `path`. Raises CheckpointError if it does not fit this training."""
        counters = self._saver.read(path)
        self.iteration, self.env_steps = counters.iteration, counters.env_steps
        self._board.resume(counters.elapsed)
        self._resumed = True

    def save_config(self, path: Path) -> None:
        """Write the resolved configuration, without secrets, as JSON."""
        run_folder.write_config(path, self._config)

    def load_config(self, path: Path) -> dict[str, Any]:
        """The configuration saved at `path`."""
        return run_folder.read_config(path)

    @contextmanager
    def monitor_timing(self, gauge: Gauge | Histogram) -> Iterator[None]:
        """Measure a block in seconds into a gauge or histogram, also if the block raises."""
        started = self._clock()
        try:
            yield
        finally:
            seconds = self._clock() - started
            gauge.set(seconds) if isinstance(gauge, Gauge) else gauge.observe(seconds)

    # -- the loop

    def _start(self) -> None:
        self.save_config(self.folder.path / run_folder.CONFIG)
        if self._resumed:
            published = self._transport.read_model(-1)
            if published is not None:  # clients may hold newer models than the checkpoint: never run backwards
                self.iteration = max(self.iteration, published[0]) + 1
        else:
            self._transport.clear()
        self._transport.announce(msgspec.json.encode(self._announcement))
        self._learner.started(resumed=self._resumed)
        self._board.start()
        self._observers.emit("training_started", run=self.folder.name, folder=self.folder.path, resumed=self._resumed)
        self._publish()
        for thread in (self._publisher, self._receiver, self._housekeeper):
            thread.start()

    def _turn(self) -> None:
        """One round of the loop: requests of other threads, then samples, with an update wherever one is due."""
        while not self._requests.empty():
            self._requests.get()()
        self._housekeeper.check()
        entries = self._receiver.get(0)
        if not entries:
            self._tell_if_untold()
            entries = self._receiver.get(_IDLE)
        for entry in entries:
            self._take_in(entry)
            while self._learner.ready() and self._clients_suffice() and self._reason is None:
                self._update()
        if entries:
            self._receiver.consumed(entries[-1].id)
        self._stop_at_goal()

    def _take_in(self, entry: Entry) -> None:
        judged = self._intake.judge(entry.payload, self.iteration, self.env_steps, self._clock())
        self._untold = True
        if judged is not None:
            client, batch = judged
            self._learner.add(batch, client)
            self.env_steps += len(batch)

    def _update(self) -> None:
        started = self._clock()
        report = dict(self._learner.update())
        seconds = self._clock() - started
        self.iteration += 1
        self._publish()
        self._learner.updated(self.iteration)
        self._board.updated(report, seconds)
        self.metrics.updated(self.iteration, self.env_steps, seconds, report, self._intake.age)
        self._observers.emit(
            "model_updated", iteration=self.iteration, env_steps=self.env_steps, seconds=seconds, metrics=report
        )
        if self.iteration % self._settings.checkpoint_every == 0:
            self._saver.try_write(self.folder.checkpoint, self._options("periodic"))

    def _publish(self) -> None:
        arrays = self._learner.weights()
        self._refuse_nonfinite(arrays)
        self._intake.age.made(self.iteration, self.env_steps, self._clock())
        self._publisher.offer(Weights(self.iteration, arrays, self.env_steps), self._progress())
        self._untold = False

    def _refuse_nonfinite(self, arrays: Arrays) -> None:
        for name, array in arrays.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise SoulsAIError(
                    f"Learning diverged: {name} is no longer finite at iteration {self.iteration}. The last checkpoint "
                    f"is {self.folder.checkpoint}; resume from it with a lower learning rate."
                )

    def _tell_if_untold(self) -> None:
        """Everything that came is taken in: clients that wait for room may go on."""
        if self._untold:
            self._publisher.offer_progress(self._progress())
            self._untold = False

    def _progress(self) -> Progress:
        sync, present = self._learner.sync, self._housekeeper.roster.present
        under_way = max(sync.max_staleness - 1, 1) * sync.rows_per_iteration
        return Progress(
            session=self.folder.name,
            node=self._node,
            state="running" if self._reason is None else "stopping",
            iteration=self.iteration,
            env_steps=self.env_steps,
            window=max(under_way // max(len(present), sync.required_clients, 1), 1),
            acked=self._intake.ledger.acked(),
        )

    def _clients_suffice(self) -> bool:
        return len(self._housekeeper.roster.present) >= self._learner.sync.required_clients

    def _stop_at_goal(self) -> None:
        reason = self._board.goal_reached(self._settings.stop, self.iteration, self.env_steps, self._episodes)
        if reason is not None:
            self.shutdown(reason)

    def _finish(self) -> None:
        self._learner.stopped()
        for close in (
            self._housekeeper.close,
            self._receiver.close,
            lambda: self._publisher.close(self._progress()),
        ):
            try:
                close()
            except SoulsAIError as error:
                log.warning("While stopping: %s", error)
        self._observers.emit("training_stopped", reason=self._reason)
        self._observers.close()

    def _options(self, kind: str) -> CheckpointOptions:
        return CheckpointOptions(self._settings.checkpoint_buffer, kind)

    def _counters(self) -> Counters:
        return Counters(self.iteration, self.env_steps, self._board.elapsed)

    # -- what the other threads report

    def _status(self, backlog: int) -> NodeStatus:
        """How the node is, with so many messages waiting in the server; kept as `latest` for whoever looks."""
        self.latest = self._board.status(
            folder=self.folder,
            state="running" if self._reason is None else "stopping",
            iteration=self.iteration,
            env_steps=self.env_steps,
            settings=self._settings,
            episodes=self._episodes,
            intake=self._intake,
            roster=self._housekeeper.roster,
            backlog=backlog,
        )
        return self.latest

    def _judged(self, client: str, admitted: int, rejected: dict[str, int]) -> None:
        self._observers.emit("samples_received", client=client, admitted=admitted, rejected=rejected)

    def _published(self, iteration: int, size: int, seconds: float) -> None:
        self.metrics.publish_seconds.observe(seconds)
        self._observers.emit("weights_published", iteration=iteration, size=size, seconds=seconds)

    def _clients_changed(self, present: frozenset[str]) -> None:
        self._learner.clients_changed(present)
        self._untold = True  # the window of each client depends on their number
