"""The telemetry node: hears every episode, keeps the history, and tells connectors."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from soulsai_core import Announcement, ClientInfo, Entry, Observers, SupervisedLoop, Transport
from soulsai_telemetry.config import TelemetryConfig
from soulsai_telemetry.history import History
from soulsai_telemetry.journal import Journal
from soulsai_telemetry.orders import BestModelSaver, Order, order_through
from soulsai_telemetry.recorder import Recorder, Reported
from soulsai_telemetry.records import Record, SavedModel, Update, Vitals
from soulsai_telemetry.reports import Reports
from soulsai_telemetry.run_view import RunView
from soulsai_telemetry.vitals import VitalsLog
from soulsai_telemetry.watch import Watch

log = logging.getLogger(__name__)

NEW_TRAINING = "another training has begun"

_READ = 1000
_LOOK = 1.0
_RETOLD = 1000


class TelemetryNode:
    """Watches one training until it is told to stop or another training begins.

    Args:
        announced: what the training node tells clients of itself: run_id, environment, algorithm.
        view: where our state is kept.
        observers: connectors, made with TelemetrySpecs; closed at the end.
        wall: seconds since 1970.
        clock: monotonic seconds.

    Attributes:
        history: of the episodes.  vitals_history: of rates, ages and times.
        vitals: the latest, None before the first.
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
        self.order: Order = order_through(transport)
        self.vitals: Vitals | None = None
        self._transport = transport
        self._observers = observers
        self._wall = wall
        self._reason: str | None = None
        self._ended = threading.Event()
        self._cursor = ""
        self._untold: list[Record] = []
        self._recorder = Recorder(config)
        self._reports = Reports(self.run_id)
        self._journal = Journal(view.state / "episodes.jsonl", Reported)
        recent = self._recover()
        self._keeper = BestModelSaver(
            self.order, config.best, view.state / "best.json", self._best_score(), self._tell_saved, clock
        )
        self._vitals_log = VitalsLog(view.state / "vitals.jsonl")
        self._watch = Watch(transport, self._recorder.clients, wall, clock)
        self._checkpoints = {found.path: found.time for found in view.checkpoints()}
        self._retold = tuple(recent)
        rng = rng or random.Random()
        self._loops = [SupervisedLoop("episodes", self._hear, rng), SupervisedLoop("watch", self._look, rng)]

    @property
    def history(self) -> History:
        return self._recorder.history

    @property
    def vitals_history(self) -> History:
        return self._vitals_log.history

    @property
    def metric_names(self) -> list[str]:
        """All metrics, in the order in which they shall be shown."""
        return self._recorder.metric_names

    def news(self, records: tuple[Record, ...] = ()) -> Update:
        """The history as it is now, with these records as the new ones."""
        counts = {**self._reports.counts, "incomplete": self._recorder.incomplete}
        return Update(records, self.history, self._recorder.best, self._keeper.saved, counts)

    def run(self) -> str:
        """Watch until something ends it; returns the reason."""
        resumed = self.history.episodes > 0
        self._observers.emit("training_started", run=self.run_id, folder=self.view.folder, resumed=resumed)
        self._observers.emit("episodes_recorded", update=self.news(self._retold))
        for loop in self._loops:
            loop.start()
        try:
            while not self._ended.wait(0.5):
                self._check()
        finally:
            self._finish()
        return self._reason or ""

    def stop(self, reason: str) -> None:
        """Ask to end. May be called from any thread and from signal handlers."""
        self._reason = self._reason or reason
        self._ended.set()

    def _check(self) -> None:
        for loop in self._loops:
            if loop.failure is not None:
                raise loop.failure

    def _finish(self) -> None:
        for loop in self._loops:
            loop.stop()
        for loop in self._loops:
            loop.join(2.0)
        self._hear_the_rest()
        self._keeper.close(2.0)
        self._observers.emit("training_stopped", reason=self._reason or "telemetry failed")
        self._observers.close()

    def _hear_the_rest(self) -> None:
        try:
            self._take_in(self._transport.read_episodes(self._cursor, _READ, 0))
        except Exception as error:
            log.info("The last episodes could not be read: %s", error)
        if self._untold:
            self._emit(len(self._untold))

    # -- episodes

    def _recover(self) -> deque[Record]:
        """Fold what an earlier process wrote; returns its last records."""
        recent: deque[Record] = deque(maxlen=_RETOLD)
        for report in self._journal.recover():
            self._reports.note(report.episode)
            recent.append(self._recorder.add(report))
            self._cursor = report.entry
        if recent:
            log.info("Going on after %d episodes.", self.history.episodes)
        return recent

    def _best_score(self) -> float | None:
        return None if self._recorder.best is None else self._recorder.best.score

    def _hear(self) -> None:
        self._take_in(self._transport.read_episodes(self._cursor, _READ, 0.5))

    def _take_in(self, entries: list[Entry]) -> None:
        """First to disk, then to the history, then to the connectors."""
        if not entries:
            return
        reports = []
        for entry in entries:
            episode = self._reports.admit(entry.payload)
            if episode is not None:
                reports.append(Reported(entry.id, entry_time(entry.id, self._wall()), episode))
        self._journal.append(reports)
        self._cursor = entries[-1].id
        # A backlog is told in larger parts: it shall not fill the queue of a slow connector.
        interval = max(self.config.update_interval, len(reports) // 10)
        for report in reports:
            self._observers.emit("episode_finished", episode=report.episode)
            self._fold(report, interval)

    def _fold(self, report: Reported, interval: int) -> None:
        before = self._recorder.best
        record = self._recorder.add(report)
        self._untold.append(record)
        if self._recorder.best is not before:
            self._observers.emit("best_found", best=self._recorder.best)
        if len(self._untold) >= interval:
            self._emit(interval)
            self._keeper.consider(self._recorder.score, record)

    def _emit(self, count: int) -> None:
        records = tuple(self._untold[:count])
        self._untold = self._untold[count:]
        self._observers.emit("episodes_recorded", update=self.news(records))

    def _tell_saved(self, saved: SavedModel, iteration: int) -> None:
        self._observers.emit("checkpoint_saved", path=Path(saved.path), iteration=iteration, kind="best")

    # -- the moment

    def _look(self) -> None:
        try:
            vitals = self._watch.look()
        except msgspec.DecodeError as error:
            log.warning("The training node's status cannot be read: %s", error)
            vitals = None
        if vitals is not None and vitals.status.run_id != self.run_id:
            self.stop(NEW_TRAINING)
        elif vitals is not None:
            self._tell_clients(vitals)
            self.vitals = vitals
            self._vitals_log.note(vitals)
            self._observers.emit("status_received", vitals=vitals)
            self._tell_checkpoints()
        self._ended.wait(_LOOK)

    def _tell_clients(self, vitals: Vitals) -> None:
        now = _present(vitals)
        before = {} if self.vitals is None else _present(self.vitals)
        for name in now.keys() - before.keys():
            self._observers.emit("client_joined", client=now[name])
        for name in before.keys() - now.keys():
            self._observers.emit("client_lost", client=before[name])

    def _tell_checkpoints(self) -> None:
        for found in self.view.checkpoints():
            if self._checkpoints.get(found.path) != found.time:
                self._checkpoints[found.path] = found.time
                self._observers.emit("checkpoint_saved", path=found.path, iteration=found.iteration, kind=found.kind)


def entry_time(identifier: str, now: float) -> float:
    """When a stream's entry was made: Redis puts its milliseconds into the id, so that episodes which waited keep their
    time. Other ids, and clocks that are far off, leave `now`."""
    milliseconds, dash, _ = identifier.partition("-")
    made = int(milliseconds) / 1000 if dash and milliseconds.isdigit() else 0.0
    return made if 1e9 < made <= now + 86_400 else now


def _present(vitals: Vitals) -> dict[str, ClientInfo]:
    return {client.info.id: client.info for client in vitals.status.clients}
