"""The training node: receive -> admit -> learner.add -> update due? -> learner.update -> publish -> checkpoint."""

from __future__ import annotations

import logging
import queue
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import Gauge, Histogram

from soulsai_core import run_folder
from soulsai_core.config import TrainingSettings
from soulsai_core.contracts import Entry, Learner, Sync, Transport
from soulsai_core.contributors.gate import Gate
from soulsai_core.contributors.statistics import ContributorStatistics
from soulsai_core.errors import CheckpointError, SoulsAIError
from soulsai_core.messages import Announcement, NodeStatus, Weights
from soulsai_core.node.commands import CommandHandler
from soulsai_core.node.episode_log import EpisodeLog
from soulsai_core.node.intake import Intake, announced_decoder
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.node.monitor import Monitor, MonitorCallbacks
from soulsai_core.node.pacing import UpdatePace
from soulsai_core.node.publisher import PublishingThread
from soulsai_core.node.publishing import Publishing
from soulsai_core.node.receiver import SampleReceiver
from soulsai_core.node.resuming import take_over
from soulsai_core.node.roster import Roster
from soulsai_core.node.saving import CheckpointOptions, Counters, Saver
from soulsai_core.node.status import StatusReport
from soulsai_core.observers import Observers
from soulsai_core.run_folder import RunFolder
from soulsai_core.threads import quietly

log = logging.getLogger(__name__)

_IDLE = 0.05
_START = 1.0


class TrainingNode:
    """The loop that trains, around any learner.

    Args:
        learner: the algorithm's server half.
        sync: how tightly its clients are bound to it.
        transport: connection to the server.
        folder: where this training is kept; its name is the run's id.
        announcement: what clients download; what they send is held against it.
        config: the resolved configuration without secrets, saved as JSON.
        settings: how the node runs.
        observers: who hears the events; closed at the end.
        metrics: counted and measured whether or not anybody reads them.
        clock: monotonic seconds.
        rng: for the jitter of reconnects.
        overdue: called several times a second in another thread, to say which call of a plugin takes long.
    """

    def __init__(
        self,
        *,
        learner: Learner,
        sync: Sync,
        transport: Transport,
        folder: RunFolder,
        announcement: Announcement,
        config: Mapping[str, Any],
        settings: TrainingSettings,
        observers: Observers,
        metrics: NodeMetrics,
        clock: Callable[[], float],
        rng: random.Random,
        overdue: Callable[[], object] = lambda: None,
    ) -> None:
        self.folder = folder
        self.iteration = self.env_steps = 0
        self.metrics = metrics
        self.latest: NodeStatus | None = None
        self._learner = learner
        self._sync = sync
        self._pace = UpdatePace(sync.rows_per_iteration)
        self._transport = transport
        self._announcement = announcement
        self._config = dict(config)
        self._settings = settings
        self._observers = observers
        self._clock = clock
        self._resumed = False
        self._requests: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._reason: str | None = None
        decoder = announced_decoder(announcement, int(settings.max_message_mb * 2**20))
        self._intake = Intake(folder.name, decoder, sync, metrics, self._judged)
        self._roster = Roster(settings.client_timeout_s)
        self._episodes = EpisodeLog(folder.episodes, settings.stop.episodes)
        self._receiver = SampleReceiver(transport, rng)
        self._publisher = PublishingThread(transport, clock, rng, self._published)
        self._publishing = Publishing(
            folder.name, sync, self._publisher, self._intake.ledger, self._intake.age, self._roster, clock
        )
        self._monitor = self._make_monitor(rng, overdue)
        self._gate = Gate(
            transport.inboxes(), folder.name, settings, ContributorStatistics(folder.contributors), metrics, clock, rng
        )
        self._threads = (self._publisher, self._receiver, self._monitor, self._gate)
        self._report = StatusReport(clock, folder, settings, self._episodes, self._intake, self._roster)
        self._saver = Saver(learner, announcement, observers, self._counters)
        self._commands = CommandHandler(transport, self._saver, folder, lambda: self.iteration, self.shutdown)

    def _make_monitor(self, rng: random.Random, overdue: Callable[[], object]) -> Monitor:
        line = MonitorCallbacks(
            command=lambda command: self._requests.put(lambda: self._commands.answer(command)),
            clients=lambda present: self._requests.put(lambda: self._clients_changed(present)),
            forgotten=self._forgotten,
            env_steps=lambda: self.env_steps,
            status=self._status,
            overdue=overdue,
        )
        shared = (self._transport, self._announcement, self._roster, self._episodes, self._observers, self.metrics)
        return Monitor(*shared, line, rng)

    # -- what others may ask for

    def run(self) -> str:
        """Train, once, until something ends it; returns the reason. Leaves a checkpoint, except after an error.

        Raises CheckpointError if the last checkpoint could not be written.
        """
        try:
            self._start()
            self._catch_up()
            while self._reason is None:
                self._turn()
            self._publishing.dismiss(self.iteration, self.env_steps)
            problem = self._save("final")
            if problem is not None:
                raise CheckpointError(problem)
        except BaseException:
            self._reason = self._reason or "error"
            raise
        finally:
            self._finish()
        return self._reason

    def shutdown(self, reason: str) -> None:
        """Ask the loop to end after its current update. May be called from any thread and from signal handlers."""
        self._reason = self._reason or reason  # without a lock, which a signal handler could wait for forever

    def checkpoint(self, path: Path, options: CheckpointOptions | None = None) -> None:
        """Write a checkpoint to `path`. Call it before or after `run`, or in its thread."""
        with self.monitor_timing(self.metrics.checkpoint_seconds):
            self._saver.write(path, options or CheckpointOptions())

    def load_checkpoint(self, path: Path) -> None:
        """Go on from the checkpoint at `path`. Raises CheckpointError if it does not fit this training."""
        counters = self._saver.read(path)
        self.iteration = counters.iteration
        self.env_steps = counters.env_steps
        self._pace.rows = counters.due
        self._report.resume(counters.elapsed)
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

    def _start(self) -> None:
        self.save_config(self.folder.path / run_folder.CONFIG)
        self._gate.sweep()
        if self._resumed:
            self.iteration = take_over(self._transport, self.folder.name, self.iteration)
        else:
            self._transport.clear()
        self._transport.announce(msgspec.json.encode(self._announcement))
        self._learner.started(resumed=self._resumed)
        self._report.start()
        self._observers.emit("training_started", run=self.folder.name, folder=self.folder.path, resumed=self._resumed)
        self._publish()
        for thread in self._threads:
            thread.start()

    def _catch_up(self) -> None:
        """Take in what waited in the server, before the first update makes it old."""
        waiting = self._transport.backlog()
        while waiting > 0 and self._reason is None and (entries := self._receiver.get(_START)):
            waiting -= len(entries)
            for entry in entries:
                self._take_in(entry)

    def _turn(self) -> None:
        """One round of the loop: samples, with an update wherever one is due."""
        self._between()
        entries = self._receiver.get(0)
        if not entries:
            self._publishing.tell_if_due(self.iteration, self.env_steps)
            if self._train():  # a client that was missing is there, or the learner is always ready
                return
            entries = self._receiver.get(_IDLE)
        for entry in entries:
            self._take_in(entry)
            self._train()

    def _between(self) -> None:
        """What is looked after between two messages and between two updates."""
        while not self._requests.empty():
            self._requests.get()()
        for thread in (self._publisher, self._monitor, self._gate):
            thread.check()
        reason = self._report.goal_reached(self.iteration, self.env_steps) or self._learner.finished()
        if reason is not None:
            self.shutdown(reason)

    def _take_in(self, entry: Entry) -> None:
        if self._reason is not None:
            return
        judged = self._intake.judge(entry.payload, self.iteration, self.env_steps, self._clock())
        self._publishing.something_changed()
        if judged is not None:
            client, steps = judged
            self._publishing.heard_from(client)
            self._learner.add(steps, client)
            self._pace.admitted(len(steps))
            self.env_steps += len(steps)
        self._receiver.consumed(entry.id)
        self._between()

    def _train(self) -> bool:
        """Make the updates that are due, and at most one of a learner that says so itself: always ready, it would leave
        no time to take in anything. Returns whether there was one."""
        before = self.iteration
        while self._reason is None and len(self._roster.present) >= self._sync.required_clients:
            ready = self._learner.ready()
            if not self._pace.due(ready):
                break
            self._publishing.update_begins(self.iteration, self.env_steps)
            self._update()
            self._between()
            if ready is not None:
                break
        return self.iteration > before

    def _update(self) -> None:
        started = self._clock()
        report = {name: float(value) for name, value in self._learner.update().items()}
        seconds = self._clock() - started
        self.iteration += 1
        self._publish()
        self._learner.updated(self.iteration)
        self._report.updated(report, seconds)
        self.metrics.updated(self.iteration, self.env_steps, seconds, report, self._intake.age)
        self._observers.emit(
            "model_updated", iteration=self.iteration, env_steps=self.env_steps, seconds=seconds, metrics=report
        )
        if self.iteration % self._settings.checkpoint_every == 0:
            self._save("periodic")

    def _publish(self) -> None:
        self._intake.age.made(self.iteration, self.env_steps, self._clock())
        try:
            weights = Weights(self.iteration, self._learner.weights(), self.env_steps, self._learner.quota())
            self._publishing.tell_model(weights)
        except SoulsAIError as error:
            advice = f"The last checkpoint is {self.folder.checkpoint}; resume from it with a lower learning rate."
            raise SoulsAIError(f"{error} {advice}") from None

    def _save(self, kind: str) -> str | None:
        """Write the checkpoint; the sentence that says why not, if it cannot be written."""
        with self.monitor_timing(self.metrics.checkpoint_seconds):
            options = CheckpointOptions(self._settings.checkpoint_buffer, kind)
            return self._saver.try_write(self.folder.checkpoint, options)

    def _finish(self) -> None:
        """Close everything, whatever happens on the way; the last in this list is the first to be closed."""
        with ExitStack() as stack:
            stack.callback(self._observers.close)
            stack.callback(lambda: self._observers.emit("training_stopped", reason=self._reason))
            for thread in self._threads:
                stack.callback(quietly, thread.close)
            for thread in self._threads:
                stack.callback(thread.stop)  # all of them, before any is waited for
            stack.callback(self._publishing.dismiss, self.iteration, self.env_steps)
            stack.callback(self._learner.stopped)

    def _counters(self) -> Counters:
        return Counters(self.iteration, self.env_steps, self._report.elapsed, self._pace.rows)

    # -- what the other threads report

    def _status(self, backlog: int) -> NodeStatus:
        """How the node is, with so many messages waiting in the server; kept as `latest` for whoever looks."""
        state = "running" if self._reason is None else "stopping"
        self.latest = self._report.status(state, self.iteration, self.env_steps, backlog)
        return self.latest

    def _judged(self, client: str, admitted: int, rejected: dict[str, int]) -> None:
        self._gate.statistics.judged(client, admitted, rejected)
        self._observers.emit("samples_received", client=client, admitted=admitted, rejected=rejected)

    def _published(self, iteration: int, size: int, seconds: float) -> None:
        self.metrics.publish_seconds.observe(seconds)
        self._observers.emit("weights_published", iteration=iteration, size=size, seconds=seconds)

    def _clients_changed(self, present: frozenset[str]) -> None:
        self._publishing.clients_changed(present)
        self._learner.clients_changed(present)

    def _forgotten(self) -> None:
        self._publisher.republish()
        self._requests.put(lambda: self._publishing.start_over(self.iteration, self.env_steps))
