"""The telemetry node: reads episodes and statuses of one training, keeps the history, and calls the connectors."""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from soulsai_core import Announcement, ClientInfo, TransportError, replace_bytes
from soulsai_core.app import UNREADABLE, Observers, RetryingThread, Transport
from soulsai_telemetry.commands import SendCommand, command_sender
from soulsai_telemetry.config import TelemetryConfig
from soulsai_telemetry.episode_reader import EpisodeReader
from soulsai_telemetry.event_writer import EventWriter
from soulsai_telemetry.films.maker import FilmMaker
from soulsai_telemetry.history.history import History
from soulsai_telemetry.history.records import OVER, TrainingStatus
from soulsai_telemetry.history.run_events import RunEvent, RunEvents
from soulsai_telemetry.history.status_history import StatusHistory
from soulsai_telemetry.history.summary import summarize
from soulsai_telemetry.history.update import HistoryUpdate
from soulsai_telemetry.machine import Machine, MachineReader
from soulsai_telemetry.run_view import RunView
from soulsai_telemetry.status_reader import StatusReader

log = logging.getLogger(__name__)

NEW_TRAINING = "another training has begun"

# Seconds between two reads of the status.
_STATUS_INTERVAL = 1.0
# Seconds between two writes of the summary, and between two looks at this machine.
_KEEP_INTERVAL = 10.0
_MACHINE_INTERVAL = 5.0
# Seconds between two looks at whether a thread has failed.
_CHECK_INTERVAL = 0.5
# Seconds to wait for a thread at the end. One that waits for a lost server is left behind.
_JOIN_TIMEOUT = 2.0


class TelemetryNode:
    """Watches one training until it is asked to stop or another training begins.

    Args:
        announced: what the training node publishes about itself: run_id, environment, algorithm.
        view: where the node's state is kept.
        observers: the connectors, made with TelemetrySpecs; closed at the end.
        wall: seconds since 1970.
        clock: monotonic seconds.

    Attributes:
        history: of the episodes.
        status_history: of rates, staleness and times.
        events: what happened, oldest first.
        machine: how busy this machine is, None before the first measurement.
        status: the latest, None before the first.
        send_command: sends a command to the training node.
    """

    def __init__(
        self,
        transport: Transport,
        announced: Announcement,
        view: RunView,
        config: TelemetryConfig,
        observers: Observers,
        *,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self.run_id = announced.run_id
        self.announced = announced
        self.config = config
        self.view = view
        self.send_command: SendCommand = command_sender(transport)
        self.status: TrainingStatus | None = None
        self.machine: Machine | None = None
        self._observers = observers
        self._reason: str | None = None
        self._ended = threading.Event()
        self._events = RunEvents(view.events)
        self._episodes = EpisodeReader(
            transport,
            self.run_id,
            view,
            self._events,
            config,
            observers,
            send=self.send_command,
            wall=wall,
            clock=clock,
        )
        self._event_writer = EventWriter(self._events, self._episodes.builder, wall)
        self._clock = clock
        self._status_history = StatusHistory(view.status_rows)
        self._summary_written = -math.inf
        self._status_reader = StatusReader(transport, self._episodes.builder.clients, wall, clock)
        # Those that are there already were reported by an earlier process.
        self._checkpoints = {found.path: found.time for found in view.checkpoints()}
        self._machine_reader = MachineReader(view.folder.path, lambda: view.folder.holder)
        rng = rng or random.Random()
        self._threads = [
            *self._film_threads(rng, wall),
            RetryingThread("episodes", self._episodes.step, rng),
            RetryingThread("status", self._read_status, rng),
            RetryingThread("machine", self._read_machine, rng),
        ]

    @property
    def history(self) -> History:
        return self._episodes.builder.history

    @property
    def status_history(self) -> History:
        return self._status_history.history

    @property
    def events(self) -> list[RunEvent]:
        return self._events.all()

    @property
    def live(self) -> bool:
        """Whether the training node may still report."""
        return self.status is None or self.status.health.state not in OVER

    @property
    def settings(self) -> dict[str, Any]:
        """The run's configuration; without its folder, the parts that the training node publishes for clients."""
        announced = self.announced
        public = {"environment": announced.environment, "algorithm": announced.algorithm, "client": announced.client}
        return self.view.config() or public

    @property
    def metric_names(self) -> list[str]:
        """All metrics, in the order in which they are shown."""
        return self._episodes.builder.metric_names

    def update(self) -> HistoryUpdate:
        """The history as it is now, without new records."""
        return self._episodes.update()

    def run(self) -> str:
        """Watch until something ends it; returns the reason."""
        resumed = self.history.episodes > 0
        self._observers.emit("training_started", run=self.run_id, folder=self.view.folder.path, resumed=resumed)
        self._episodes.repeat_recovered()
        for thread in self._threads:
            thread.start()
        try:
            while not self._ended.wait(_CHECK_INTERVAL):
                for thread in self._threads:
                    thread.check()
        finally:
            self._finish()
        return self._reason or ""

    def stop(self, reason: str) -> None:
        """Ask to end. May be called from any thread and from signal handlers."""
        self._reason = self._reason or reason
        self._ended.set()

    def _finish(self) -> None:
        # All are asked to stop before any is waited for, so that their waits overlap.
        for thread in self._threads:
            thread.stop()
        for thread in self._threads:
            thread.join(_JOIN_TIMEOUT)
        try:
            # Once more: the training node may have ended since the last look.
            self._take_status()
        except Exception as error:
            log.info("The last status could not be read: %s", error)
        self._episodes.finish()
        self._keep_summary(math.inf)
        self._observers.emit("training_stopped", reason=self._reason or "telemetry failed")
        self._observers.close()

    def _film_threads(self, rng: random.Random, wall: Callable[[], float]) -> list[RetryingThread]:
        """One, if films are wanted and the run's folder can be seen from here."""
        every = self.config.films.every_s
        if every is None or not self.view.shared:
            return []
        maker = FilmMaker(self.view, every, self._ended.wait, wall)
        return [RetryingThread("films", maker.step, rng)]

    def _read_status(self) -> None:
        self._take_status()
        # Not a sleep: stop() ends the wait.
        self._ended.wait(_STATUS_INTERVAL)

    def _take_status(self) -> None:
        try:
            status = self._status_reader.read()
        except UNREADABLE as error:
            log.warning("The training node's status cannot be read: %s", error)
            status = None
        except TransportError:
            self._show_unreachable()
            raise
        if status is not None and status.node.run_id != self.run_id:
            self.stop(NEW_TRAINING)
        elif status is not None:
            self._emit_clients(status)
            self.status = status
            self._emit_checkpoints()
            self._event_writer.status(status)
            self._status_history.add(status)
            if status.health.state == "stopping":
                self._episodes.training_stops()
            elif status.health.live:
                self._episodes.training_goes_on()
            self._keep_summary(self._clock())
            self._observers.emit("status_received", status=status)

    def _show_unreachable(self) -> None:
        """The last status must not be shown as the present one."""
        if self.status is not None and self.live:
            self.status = self._status_reader.unreachable(self.status)
            self._observers.emit("status_received", status=self.status)

    def _keep_summary(self, now: float) -> None:
        """Write a summary to the run's folder every few seconds, for those who open the run after its end."""
        if self.status is None or now - self._summary_written < _KEEP_INTERVAL:
            return
        self._summary_written = now
        summary = summarize(self.status, self.update(), self.config)
        try:
            replace_bytes(self.view.summary, msgspec.json.encode(summary))
        except OSError as error:
            log.debug("The summary cannot be written: %s", error)

    def _read_machine(self) -> None:
        self.machine = self._machine_reader.read()
        self._ended.wait(_MACHINE_INTERVAL)

    def _emit_clients(self, status: TrainingStatus) -> None:
        """Call the hooks of clients that joined or were lost since the last status."""
        now = _clients(status)
        before = {} if self.status is None else _clients(self.status)
        for name in now.keys() - before.keys():
            self._observers.emit("client_joined", client=now[name])
        for name in before.keys() - now.keys():
            self._observers.emit("client_lost", client=before[name])

    def _emit_checkpoints(self) -> None:
        """Call the hook of checkpoints that were written since the last look."""
        for found in self.view.checkpoints():
            if self._checkpoints.get(found.path) != found.time:
                self._checkpoints[found.path] = found.time
                self._event_writer.checkpoint(found)
                self._observers.emit("checkpoint_saved", path=found.path, iteration=found.iteration, kind=found.kind)


def _clients(status: TrainingStatus) -> dict[str, ClientInfo]:
    """The clients that are present, by id."""
    return {client.info.id: client.info for client in status.node.clients}
