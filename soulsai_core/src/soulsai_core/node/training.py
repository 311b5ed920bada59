"""The training node: receive -> admit -> learner.add -> update due? -> learner.update -> publish -> checkpoint."""

from __future__ import annotations

import logging
import queue
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from prometheus_client import Gauge, Histogram

from soulsai_core import run_folder
from soulsai_core.config import TrainingSettings
from soulsai_core.contracts import AlgorithmPlugin, Entry, Learner, Sync, Transport
from soulsai_core.errors import CheckpointError, SoulsAIError
from soulsai_core.hooks.observers import Observers
from soulsai_core.messages import Announcement, Command
from soulsai_core.node.changes import SettingChanges
from soulsai_core.node.commands import CommandHandler
from soulsai_core.node.episode_log import EpisodeLog
from soulsai_core.node.evaluations import Evaluations
from soulsai_core.node.health.judging import Health
from soulsai_core.node.health.problems import Problems
from soulsai_core.node.intake import Decoded, Intake, announced_decoder
from soulsai_core.node.lease import Lease
from soulsai_core.node.metrics import NodeMetrics, timed
from soulsai_core.node.monitor import ClientsChanged, Event, Monitor, ServerBack, ServerReset
from soulsai_core.node.pacing import UpdatePace
from soulsai_core.node.publishing import Publishing, PublishingThread
from soulsai_core.node.receiver import SampleReceiver
from soulsai_core.node.recovery import Recovery
from soulsai_core.node.requests import Request
from soulsai_core.node.roster import Roster
from soulsai_core.node.saving.resuming import Resuming
from soulsai_core.node.saving.saver import CheckpointOptions, Counters
from soulsai_core.node.saving.storage import Storage
from soulsai_core.node.settling import settle
from soulsai_core.node.starting import Starting
from soulsai_core.node.state import RunState
from soulsai_core.node.status.node_status import NodeStatus
from soulsai_core.node.status.report import Description, StatusReport
from soulsai_core.node.updating import Updating
from soulsai_core.run_folder import RunFolder
from soulsai_core.threads import BackgroundWorker, check_all, close_all

log = logging.getLogger(__name__)

_IDLE = 0.05
"""Seconds that the loop waits for messages before it looks at its other tasks."""

_WRITE = 0.05
_LAST_WRITE = 5.0
"""Seconds that the loop waits for the journal: before it answers clients that may be waiting or updates a learner that
decides itself, and at the end."""

_FIRST_READ = 1.0
"""Seconds in which the first messages that waited in the server must arrive."""


class TrainingNode:
    """The loop that trains, around any learner.

    Args:
        learner: the algorithm's half in the training node.
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
        overdue: called several times a second in another thread: logs, and says, which call of a plugin takes long.
        join: the command that starts a client for this run, for people.
        plugin: of the algorithm, whose settings may be changed in the run; None: those of the core alone.
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
        plugin: AlgorithmPlugin | None = None,
        threads: Sequence[BackgroundWorker] = (),
    ) -> None:
        self.folder = folder
        self.metrics = metrics
        self._learner = learner
        self._sync = sync
        self._transport = transport
        self._observers = observers
        self._clock = clock
        self._state = RunState()
        self._changes = SettingChanges(
            plugin, config, settings, announcement, learner, folder, self._state, transport, observers
        )
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._lease = Lease(transport, folder.name, self._state, clock)
        self._pace = UpdatePace(sync.rows_per_iteration, catch_up=settings.catch_up)
        decoder = announced_decoder(announcement, int(settings.max_message_mb * 2**20))
        self._recovery = Recovery(clock)
        self._intake = Intake(folder.name, decoder, sync, metrics, observers, self._recovery.received)
        self._roster = Roster(settings.client_timeout_s)
        self._episodes = EpisodeLog(folder.episodes, settings.stop.episodes)
        self._problems = Problems(clock)
        parts = (self._state, settings.stop, folder, self._episodes, self._intake, self._roster, clock)
        self._report = StatusReport(*parts, self._problems, Description.of(announcement, sync, join, config))
        self._receiver = SampleReceiver(transport, rng, lambda: self._events.put(ServerBack()))
        self._storage = self._make_storage(rng)
        self.beginning = self._storage.beginning
        self._evaluations = Evaluations(settings, learner, self._state, clock)
        self._commands = CommandHandler(
            transport, self._storage.saving, folder, self._state, self._evaluations, self._changes
        )
        elapsed = self._report.resume
        self._resuming = Resuming(folder, learner, self._storage, self._intake, self._state, self._pace, elapsed)
        self._publishing_thread = PublishingThread(transport, observers, metrics, clock, rng)
        self._publishing = Publishing(
            self._publishing_thread, folder.name, sync, self._state, self._intake, self._roster, self._evaluations,
            self._changes, clock,
        )  # fmt: skip
        self._changes.follow(self._evaluations.schedule, self._report.aim, self._storage.schedule.follow)
        self._updating = self._make_updating()
        self._starting = self._make_starting(rng)
        self._monitor = self._make_monitor(rng, overdue)
        self._threads = (self._publishing_thread, self._receiver, self._monitor, *threads, *self._storage.threads)

    def _make_updating(self) -> Updating:
        advice = f"The last checkpoint is {self.folder.checkpoint}; resume from it with a lower learning rate."
        return Updating(
            self._learner, self._state, self._pace, self._publishing, self._report, self._intake.staleness, advice,
            self.metrics, self._observers, self._clock,
        )  # fmt: skip

    def _make_starting(self, rng: random.Random) -> Starting:
        return Starting(
            self._transport, self._lease, self._changes, self._roster, self._recovery, self._resuming, self._state,
            self._updating.model, lambda: self.save_config(self.folder.path / run_folder.CONFIG), rng,
        )  # fmt: skip

    def _make_storage(self, rng: random.Random) -> Storage:
        return Storage(
            learner=self._learner, announcement=self._changes.announcement, folder=self.folder,
            settings=self._changes.training, state=self._state, intake=self._intake, counters=self._counters,
            release=self._receiver.processed, observers=self._observers, metrics=self.metrics,
            problems=self._problems, clock=self._clock, rng=rng,
        )  # fmt: skip

    def _make_monitor(self, rng: random.Random, overdue: Callable[[], str]) -> Monitor:
        return Monitor(
            folder=self.folder, problems=self._problems, transport=self._transport, lease=self._lease,
            changes=self._changes, state=self._state, roster=self._roster, episodes=self._episodes,
            evaluations=self._evaluations, report=self._report, publishing_thread=self._publishing_thread,
            observers=self._observers, metrics=self.metrics, events=self._events,
            look_for={"long_call": overdue, "journal": self._storage.journal_problem}, clock=self._clock, rng=rng,
        )  # fmt: skip

    @property
    def iteration(self) -> int:
        """Of the newest model."""
        return self._state.iteration

    @property
    def env_steps(self) -> int:
        """Environment steps admitted in the whole run."""
        return self._state.env_steps

    @property
    def latest(self) -> NodeStatus | None:
        """The last status, None before the first."""
        return self._report.latest

    def goal_reached(self) -> tuple[str, str] | None:
        """What says which goal is reached already, and the settings with which the run goes on; None without one."""
        reason = self._report.goal_reached()
        return None if reason is None else (reason, self._report.beyond_goal())

    def health(self, now: float) -> Health | None:
        """The judgment of the training at `now`, in seconds since 1970; None before the first status."""
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
            self._acknowledge(_LAST_WRITE)
            self._publishing.publish_end()
            settle(self._events, self._handle, self._others_are_awaited)
            problem = self._storage.save_last()
            if problem is not None:
                raise CheckpointError(problem)
            if self._state.replaced:
                raise SoulsAIError(f"The training was stopped: {self._state.stop_reason}. Its model is saved.")
        except BaseException as error:
            self._state.fail(error)
            raise
        finally:
            self._finish()
        return self._state.stop_reason

    def shutdown(self, reason: str) -> None:
        """Ask the loop to end after its current update. For any thread and for signal handlers."""
        self._state.stop(reason)

    def checkpoint(self, path: Path, options: CheckpointOptions | None = None) -> None:
        """Write a checkpoint to `path`. To be called before or after `run`, or in its thread."""
        saver = self._storage.saver
        saver.write(path, saver.snapshot(), options or CheckpointOptions())

    def load_checkpoint(self, path: Path) -> None:
        """Go on from the checkpoint at `path`. Raises CheckpointError if it does not fit this training.

        If it is the newest one of this run, what was admitted after it is learned from again. Otherwise it is removed.
        """
        self._resuming.load(path)

    def resume(self) -> None:
        """Go on with the run in the folder: from its newest checkpoint, and without one, from its journal alone. Raises
        CheckpointError if the checkpoint does not fit this training."""
        self._resuming.load(self.folder.checkpoint if self.folder.has_checkpoint else None)

    def save_config(self, path: Path) -> None:
        """Write the resolved configuration, without secrets, as JSON."""
        run_folder.write_config(path, self._changes.config)

    def load_config(self, path: Path) -> dict[str, Any]:
        """The configuration saved at `path`."""
        return run_folder.read_config(path)

    def monitor_timing(self, gauge: Gauge | Histogram) -> AbstractContextManager[None]:
        """Measure a block in seconds into a gauge or histogram, also if the block raises."""
        return timed(gauge, self._clock)

    def _start(self) -> None:
        resumed = self._resuming.resumed
        self._learner.started(resumed=resumed)
        # Before the lease is taken, which has to be renewed: it may take a while.
        self._resuming.bring_back()
        self._starting.prepare_server(self._threads, self._publishing.node)
        self._report.start()
        self._observers.emit("training_started", run=self.folder.name, folder=self.folder.path, resumed=resumed)
        self._updating.publish()
        for thread in self._threads:
            thread.start()

    def _process_backlog(self) -> None:
        """Process what waited in the server, before the first update makes it older."""
        waiting = self._starting.backlog()
        while waiting > 0 and self._state.stop_reason is None and (entries := self._receiver.get(_FIRST_READ)):
            waiting -= len(entries)
            check_all(self._threads)
            for entry, message in self._intake.decoded(entries):
                self._process(entry, message)

    def _finish(self) -> None:
        """Close everything, whatever raises. The callbacks are called in the reverse order."""
        with ExitStack() as stack:
            stack.callback(self._observers.close)
            stack.callback(lambda: self._observers.emit("training_stopped", reason=self._state.stop_reason))
            # The publishing thread is the first of them and closed last, so that it sends the end to the clients.
            stack.callback(close_all, self._threads)
            stack.callback(self._publishing.publish_end)
            stack.callback(self._learner.stopped)

    # -- the loop

    def _turn(self) -> None:
        """One turn of the loop: the messages that arrived, with an update wherever one is due."""
        check_all(self._threads)
        self._handle_events()
        entries = self._receiver.get(0)
        if not entries:
            self._state.waits_for = self._learner.waits_for()
            # Nothing is left to process, so that clients may be waiting for an acknowledgment.
            self._acknowledge(_WRITE)
            self._publishing.publish_progress_if_due()
            if self._make_due_updates():  # a required client has joined, or the learner is always ready
                return
            if self._updating.use_spare_time():
                return
            entries = self._receiver.get(_IDLE)
        for entry, message in self._intake.decoded(entries):
            self._process(entry, message)
            self._make_due_updates()

    def _handle_events(self) -> None:
        """Between two messages or updates: the monitor's events, goals, and checkpoints."""
        while not self._events.empty():
            self._handle(self._events.get())
        self._publishing.publish_evaluation_if_due()
        if (reason := self._report.goal_reached() or self._learner.finished()) is not None:
            self.shutdown(reason)
        self._storage.save_if_due()

    def _acknowledge(self, timeout: float) -> None:
        """Acknowledge what is in the journal by now, or after a wait."""
        if self._storage.journaling.wait(timeout):
            self._publishing.message_received()

    def _others_are_awaited(self) -> bool:
        self._storage.saving.hand_over()  # what telemetry asks for now
        return bool(self._roster.present) or self._commands.best_is_awaited

    def _handle(self, event: Event) -> None:
        match event:
            case Command():
                self._commands.answer(event)
            case Request():
                self._commands.answer_request(event)
            case ClientsChanged(present):
                self._publishing.clients_changed(present)
                self._storage.journaling.clients_changed(present, self._state.iteration)
                self._learner.clients_changed(present)
            case ServerBack():
                self._publishing_thread.republish()  # it may have an older model, though it never refused one
                self._publishing.restart_acknowledgments()
                self._recovery.begin(self._roster.present, self._publishing.node)
            case ServerReset():
                self._publishing.restart_acknowledgments()

    def _process(self, entry: Entry, message: Decoded) -> None:
        # After a goal was reached the remaining messages stay in the server, for a node that resumes.
        if self._state.stop_reason is not None:
            return
        state = self._state
        after_outage = self._recovery.lasts  # before the message is looked at, which may be the last that was awaited
        judged = self._intake.judge(message, state.iteration, state.env_steps, self._clock())
        self._storage.journaling.keep(entry.id, entry.payload, judged, state.iteration)
        self._publishing.message_received()
        if judged.steps is not None:
            self._publishing.rows_received(judged.client)
            self._learner.add(judged.steps, judged.client)
            self._pace.admitted(judged.rows, after_outage=after_outage)
            state.env_steps += judged.rows
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
            if ready is True:
                self._storage.journaling.update_begins(self._state.iteration + 1, _WRITE)
            self._acknowledge(0)
            self._publishing.publish_before_update()
            self._updating.update()
            self._storage.schedule.updated(self._state.iteration, round_complete=ready is True)
            check_all(self._threads)
            self._handle_events()
            if ready is not None:
                break
        return self._state.iteration > before

    def _counters(self) -> Counters:
        state = self._state
        return Counters(
            iteration=state.iteration,
            env_steps=state.env_steps,
            elapsed=self._report.elapsed,
            due=self._pace.rows,
            owed=self._pace.owed,
            record=self._storage.next_record,
            reach=self._learner.reach(),
            numbers=self._intake.ledger.numbers(),
            clients=sorted(self._roster.present),
            origin=state.origin,
        )
