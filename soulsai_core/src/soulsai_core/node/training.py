"""The training node: receive -> admit -> learner.add -> update due? -> learner.update -> publish -> checkpoint."""

from __future__ import annotations

import logging
import queue
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import Gauge, Histogram

from soulsai_core import run_folder
from soulsai_core.config import TrainingSettings
from soulsai_core.contracts import Entry, Learner, Sync, Transport
from soulsai_core.errors import CheckpointError, PluginError, SoulsAIError
from soulsai_core.messages import Announcement, Command, Weights
from soulsai_core.node.commands import CommandHandler
from soulsai_core.node.episode_log import EpisodeLog
from soulsai_core.node.evaluations import Evaluations
from soulsai_core.node.health import Health
from soulsai_core.node.intake import Intake, announced_decoder
from soulsai_core.node.lease import Lease
from soulsai_core.node.metrics import NodeMetrics, timed
from soulsai_core.node.monitor import ClientsChanged, Event, Monitor, ServerBack, ServerReset
from soulsai_core.node.node_status import NodeStatus
from soulsai_core.node.pacing import UpdatePace
from soulsai_core.node.problems import Problems
from soulsai_core.node.publishing import Publishing, PublishingThread
from soulsai_core.node.receiver import SampleReceiver
from soulsai_core.node.recovery import Recovery
from soulsai_core.node.requests import Request
from soulsai_core.node.roster import Roster
from soulsai_core.node.saving import CheckpointOptions, Counters, Saver, resume_on_server
from soulsai_core.node.settling import settle
from soulsai_core.node.state import RunState
from soulsai_core.node.status import Description, StatusReport
from soulsai_core.observers import Observers
from soulsai_core.run_folder import RunFolder
from soulsai_core.threads import BackgroundWorker, close_all

log = logging.getLogger(__name__)

_IDLE = 0.05
"""Seconds that the loop waits for messages before it looks at its other tasks."""

_FIRST_READ = 1.0
"""Seconds in which the first messages that waited in the server must arrive."""


class TrainingNode:
    """The loop that trains, around any learner.

    Args:
        learner: the algorithm's server half.
        sync: how closely clients are coupled to the learner.
        transport: connection to the server.
        folder: of this run; its name is the run's id.
        announcement: what clients read before they start. Messages must fit it.
        config: the resolved configuration without secrets, saved as JSON.
        settings: how the node runs.
        observers: receive the events; closed at the end.
        metrics: are measured whether or not they are served.
        clock: monotonic seconds.
        rng: for the jitter of reconnects.
        overdue: called several times a second in another thread, to log which call of a plugin takes long. Returns a
            sentence about it, "" if none does.
        join: the command that starts a client for this run, for people.
        threads: further workers of this node, such as the gate for contributors. They are prepared before the node
            writes anything to the server, then started, checked between messages, and closed first.
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
        overdue: Callable[[], str] = str,
        join: str = "soulsai client",
        threads: Sequence[BackgroundWorker] = (),
    ) -> None:
        self.folder = folder
        self.metrics = metrics
        self._learner = learner
        self._sync = sync
        self._transport = transport
        self._announcement = announcement
        self._config = dict(config)
        self._settings = settings
        self._observers = observers
        self._clock = clock
        self._resumed = False
        self._state = RunState()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._lease = Lease(transport, folder.name, self._state, clock)
        self._pace = UpdatePace(sync.rows_per_iteration)
        decoder = announced_decoder(announcement, int(settings.max_message_mb * 2**20))
        self._recovery = Recovery(clock)
        self._intake = Intake(folder.name, decoder, sync, metrics, observers, self._recovery.received)
        self._roster = Roster(settings.client_timeout_s)
        self._episodes = EpisodeLog(folder.episodes, settings.stop.episodes)
        self._problems = Problems(clock)
        description = Description.of(announcement, sync, join, self._config.get("run", {}).get("seed"))
        parts = (self._state, settings.stop, folder, self._episodes, self._intake, self._roster, clock)
        self._report = StatusReport(*parts, self._problems, description)
        self._saver = Saver(learner, announcement, observers, self._counters)
        self._evaluations = Evaluations(settings.evaluation, learner, self._state, clock)
        self._commands = CommandHandler(
            transport, self._saver, folder, self._state, self._evaluations, settings.max_requested_saves
        )
        self._receiver = SampleReceiver(transport, rng, lambda: self._events.put(ServerBack()))
        self._publisher = PublishingThread(transport, observers, metrics, clock, rng)
        self._publishing = Publishing(
            self._publisher, folder.name, sync, self._state, self._intake, self._roster, self._evaluations, clock
        )
        self._monitor = self._make_monitor(rng, overdue)
        self._threads = (self._publisher, self._receiver, self._monitor, *threads)

    def _make_monitor(self, rng: random.Random, overdue: Callable[[], str]) -> Monitor:
        return Monitor(
            folder=self.folder,
            problems=self._problems,
            transport=self._transport,
            lease=self._lease,
            announcement=self._announcement,
            state=self._state,
            roster=self._roster,
            episodes=self._episodes,
            evaluations=self._evaluations,
            report=self._report,
            publisher=self._publisher,
            observers=self._observers,
            metrics=self.metrics,
            events=self._events,
            look_for_long_calls=overdue,
            clock=self._clock,
            rng=rng,
        )

    # -- for users of the node

    @property
    def iteration(self) -> int:
        """Iteration of the newest model."""
        return self._state.iteration

    @property
    def env_steps(self) -> int:
        """Environment steps admitted in the whole run."""
        return self._state.env_steps

    @property
    def latest(self) -> NodeStatus | None:
        """The last status, None before the first."""
        return self._report.latest

    def health(self, now: float) -> Health | None:
        """The judgement of the training at `now`, in seconds since 1970; None before the first status."""
        return self._report.health(now)

    def run(self) -> str:
        """Train, once, until something ends it. Returns the reason. Writes a last checkpoint, except after an error.

        Raises CheckpointError if the last checkpoint could not be written, SoulsAIError if another node trains this
        run on the same server.
        """
        try:
            self._start()
            self._process_backlog()
            while self._state.stop_reason is None:
                self._turn()
            self._publish_end()
            settle(self._events, self._handle, lambda: bool(self._roster.present) or self._commands.best_is_awaited)
            problem = self._save("final")
            if problem is not None:
                raise CheckpointError(problem)
            if self._state.replaced:
                raise SoulsAIError(f"The training was stopped: {self._state.stop_reason}. Its model is saved.")
        except BaseException as error:
            self._state.fail(str(error) if isinstance(error, SoulsAIError) else f"{type(error).__name__}: {error}")
            raise
        finally:
            self._finish()
        return self._state.stop_reason

    def shutdown(self, reason: str) -> None:
        """Ask the loop to end after its current update. May be called from any thread and from signal handlers."""
        self._state.stop(reason)

    def checkpoint(self, path: Path, options: CheckpointOptions | None = None) -> None:
        """Write a checkpoint to `path`. To be called before or after `run`, or in its thread."""
        with self.monitor_timing(self.metrics.checkpoint_seconds):
            self._saver.write(path, options or CheckpointOptions())

    def load_checkpoint(self, path: Path) -> None:
        """Go on from the checkpoint at `path`. Raises CheckpointError if it does not fit this training."""
        counters = self._saver.read(path)
        self._state.iteration = counters.iteration
        self._state.env_steps = counters.env_steps
        self._pace.rows = counters.due
        self._report.resume(counters.elapsed)
        self._resumed = True

    def save_config(self, path: Path) -> None:
        """Write the resolved configuration, without secrets, as JSON."""
        run_folder.write_config(path, self._config)

    def load_config(self, path: Path) -> dict[str, Any]:
        """The configuration saved at `path`."""
        return run_folder.read_config(path)

    def monitor_timing(self, gauge: Gauge | Histogram) -> AbstractContextManager[None]:
        """Measure a block in seconds into a gauge or histogram, also if the block raises."""
        return timed(gauge, self._clock)

    # -- start and end

    def _start(self) -> None:
        # Before anything is written to the server, where another node may train.
        self._lease.take(time.sleep)
        self.save_config(self.folder.path / run_folder.CONFIG)
        for thread in self._threads:
            thread.prepare()
        if self._resumed:
            self._state.iteration = resume_on_server(self._transport, self.folder.name, self._state.iteration)
            present = [name for name, (age, _) in self._transport.roster().items() if age <= self._roster.timeout]
            self._recovery.begin(present)
        else:
            self._transport.clear()
        self._transport.announce(msgspec.json.encode(self._announcement))
        self._learner.started(resumed=self._resumed)
        self._report.start()
        self._observers.emit("training_started", run=self.folder.name, folder=self.folder.path, resumed=self._resumed)
        self._publish()
        for thread in self._threads:
            thread.start()

    def _process_backlog(self) -> None:
        """Process what waited in the server, before the first update makes it older."""
        waiting = self._transport.backlog()
        while waiting > 0 and self._state.stop_reason is None and (entries := self._receiver.get(_FIRST_READ)):
            waiting -= len(entries)
            for entry in entries:
                self._process(entry)

    def _finish(self) -> None:
        """Close everything, whatever raises. The callbacks are called in the reverse order."""
        with ExitStack() as stack:
            stack.callback(self._observers.close)
            stack.callback(lambda: self._observers.emit("training_stopped", reason=self._state.stop_reason))
            # The publisher is the first of the threads and closed last, so that it sends the end to the clients.
            stack.callback(close_all, self._threads)
            stack.callback(self._publish_end)
            stack.callback(self._learner.stopped)

    def _publish_end(self) -> None:
        """Tell the clients to leave, unless they are those of another node."""
        if not self._state.replaced:
            self._publishing.publish_end()

    # -- the loop

    def _turn(self) -> None:
        """One turn of the loop: the messages that arrived, with an update wherever one is due."""
        self._handle_events()
        entries = self._receiver.get(0)
        if not entries:
            self._state.waits_for = self._learner.waits_for()
            # Nothing is left to process, so that clients may be waiting for an acknowledgment.
            self._publishing.publish_progress_if_due()
            if self._make_due_updates():  # a required client has joined, or the learner is always ready
                return
            if self._learner.use_spare_time():
                return
            entries = self._receiver.get(_IDLE)
        for entry in entries:
            self._process(entry)
            self._make_due_updates()

    def _handle_events(self) -> None:
        """Between two messages or updates: the monitor's events, failed threads, and goals."""
        while not self._events.empty():
            self._handle(self._events.get())
        self._publishing.publish_evaluation_if_due()
        for thread in self._threads:
            thread.check()
        reason = self._report.goal_reached() or self._learner.finished()
        if reason is not None:
            self.shutdown(reason)

    def _handle(self, event: Event) -> None:
        match event:
            case Command():
                self._commands.answer(event)
            case Request():
                self._commands.answer_request(event)
            case ClientsChanged(present):
                self._publishing.clients_changed(present)
                self._learner.clients_changed(present)
            case ServerBack():
                self._recovery.begin(self._roster.present)
            case ServerReset():
                self._publishing.restart_acknowledgments()

    def _process(self, entry: Entry) -> None:
        # After a goal was reached the remaining messages stay in the server, for a node that resumes.
        if self._state.stop_reason is not None:
            return
        judged = self._intake.judge(entry.payload, self._state.iteration, self._state.env_steps, self._clock())
        self._publishing.message_received()
        if judged is not None:
            client, steps = judged
            self._publishing.rows_received(client)
            self._learner.add(steps, client)
            self._pace.admitted(len(steps))
            self._state.env_steps += len(steps)
        self._receiver.processed(entry.id)
        self._handle_events()

    def _make_due_updates(self) -> bool:
        """Make the updates that are due. Returns whether there was one.

        A learner that says itself when it is ready gets one at most: if it were always ready, there would be no time
        to process messages.
        """
        if self._recovery.lasts:
            return False
        before = self._state.iteration
        while self._state.stop_reason is None and len(self._roster.present) >= self._sync.required_clients:
            ready = self._learner.ready()
            if not self._pace.due(ready):
                break
            self._publishing.publish_before_update()
            self._update()
            self._handle_events()
            if ready is not None:
                break
        return self._state.iteration > before

    def _update(self) -> None:
        state = self._state
        started = self._clock()
        state.updating_since = started
        report = {name: float(value) for name, value in self._learner.update().items()}
        seconds = self._clock() - started
        state.updating_since = None
        state.iteration += 1
        state.updates += 1
        # Published first: clients wait for the model, and for nothing of what follows.
        self._publish()
        self._learner.updated(state.iteration)
        self._report.updated(report, seconds)
        self.metrics.updated(state.iteration, state.env_steps, seconds, report, self._intake.staleness)
        self._observers.emit(
            "model_updated", iteration=state.iteration, env_steps=state.env_steps, seconds=seconds, metrics=report
        )
        if state.iteration % self._settings.checkpoint_every == 0:
            self._save("periodic")

    def _publish(self) -> None:
        state = self._state
        self._intake.staleness.made(state.iteration, state.env_steps, self._clock())
        try:
            weights = Weights(state.iteration, self._learner.weights(), state.env_steps, self._learner.quota())
            self._publishing.publish_model(weights)
        except PluginError:  # a mistake that no setting mends
            raise
        except SoulsAIError as error:
            advice = f"The last checkpoint is {self.folder.checkpoint}; resume from it with a lower learning rate."
            raise SoulsAIError(f"{error} {advice}") from None

    def _save(self, kind: str) -> str | None:
        """Write the checkpoint. Returns None, or the sentence that says why it could not be written."""
        with self.monitor_timing(self.metrics.checkpoint_seconds):
            options = CheckpointOptions(self._settings.checkpoint_buffer, kind)
            problem = self._saver.try_write(self.folder.checkpoint, options)
        self._problems.note("checkpoint", problem)
        self._state.checkpoints += problem is None
        return problem

    def _counters(self) -> Counters:
        return Counters(self._state.iteration, self._state.env_steps, self._report.elapsed, self._pace.rows)
