"""Takes each reported episode from the server's stream to the disk, to the history and to the connectors."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from pathlib import Path

from soulsai_core import replace_bytes
from soulsai_core.app import Entry, Observers, Transport, formatting
from soulsai_telemetry.best_model import RESET, BestModelSaver
from soulsai_telemetry.commands import SendCommand
from soulsai_telemetry.config import TelemetryConfig
from soulsai_telemetry.history.buffered_json_lines import BufferedJsonLines
from soulsai_telemetry.history.builder import EpisodeReport, HistoryBuilder, entry_time
from soulsai_telemetry.history.metrics import EVALUATION
from soulsai_telemetry.history.records import EpisodeRecord, SavedModel
from soulsai_telemetry.history.report_filter import ReportFilter
from soulsai_telemetry.history.run_events import BEST, RunEvent, RunEvents
from soulsai_telemetry.history.update import HistoryUpdate
from soulsai_telemetry.run_view import RunView

log = logging.getLogger(__name__)

# Most reports in one read of the stream.
_READ = 1000
# Seconds that one read waits for a report.
_WAIT = 0.5
# Episodes that connectors get again after a restart.
_REPEATED = 1000
# Seconds to wait at the end for a save of the best model.
_SAVE_TIMEOUT = 2.0
# Seconds after which connectors get the episodes that there are, though they are fewer than `update_interval`.
_LONGEST_WAIT = 2.0


class EpisodeReader:
    """Records the episodes of one run. After a restart it goes on behind the last report on the disk.

    Args:
        run_id: the training whose episodes count.
        view: where the reports are kept.
        events: get an event for each save of the best model.
        observers: the connectors.
        send: sends a command to the training node.
        wall: seconds since 1970.
        clock: monotonic seconds.

    Attributes:
        builder: holds the history.
    """

    def __init__(
        self,
        transport: Transport,
        run_id: str,
        view: RunView,
        events: RunEvents,
        config: TelemetryConfig,
        observers: Observers,
        *,
        send: SendCommand,
        wall: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._view = view
        self._events = events
        self.builder = HistoryBuilder(config, view.best_since())
        self._transport = transport
        self._interval = config.update_interval
        self._observers = observers
        self._wall = wall
        self._clock = clock
        self._filter = ReportFilter(run_id)
        self._file = BufferedJsonLines(view.episodes, EpisodeReport)
        self._cursor = ""  # id of the last entry read from the stream
        self._unsent: list[EpisodeRecord] = []
        self._unsent_since = 0.0
        self._stopping = False
        self._recovered = tuple(self._recover())
        self._saver = BestModelSaver(send, config.best, view.saved_model, self.builder.best, self._emit_saved, clock)

    def update(self, records: tuple[EpisodeRecord, ...] = ()) -> HistoryUpdate:
        """The history as it is now, with these records as the new ones."""
        reports = {**self._filter.counts, "incomplete": self.builder.incomplete}
        return HistoryUpdate(records, self.builder.history, self.builder.best, self._saver.saved, reports)

    def repeat_recovered(self) -> None:
        """Give the connectors the last episodes before the restart again: they may not have got them."""
        self._observers.emit("episodes_recorded", update=self.update(self._recovered))

    def step(self) -> None:
        """Wait shortly for reports and take them in."""
        if (self._view.state / RESET).exists():
            self._reset_best()
        stopping = self._stopping  # before the read: what was reported until then must be in it
        if not stopping:
            self._saver.resume()
        self.take_in(self._transport.read_episodes(self._cursor, _READ, _WAIT))
        # The odd last episode must be seen, even if no other follows for hours.
        if self._unsent and self._clock() - self._unsent_since >= _LONGEST_WAIT:
            self._emit(len(self._unsent))
        if stopping:
            self._saver.finish(self.builder.candidate, self.builder.newest, _SAVE_TIMEOUT)
        else:
            self._saver.consider_postponed(self.builder.candidate, self.builder.newest)

    def training_stops(self) -> None:
        """The training node takes nothing more in: the best model must be saved now. May be called from any thread."""
        self._stopping = True

    def training_goes_on(self) -> None:
        """The training node runs, for example since it was resumed. May be called from any thread."""
        self._stopping = False

    def finish(self) -> None:
        """Take in what is left, and wait for a save of the best model that is under way."""
        try:
            # Until nothing came for a moment: clients that leave now report their last episodes.
            while entries := self._transport.read_episodes(self._cursor, _READ, _WAIT):
                self.take_in(entries)
        except Exception as error:
            # Whatever it is: connectors must still get the records and be closed.
            log.info("The last episodes could not be read: %s", error)
        if self._unsent:
            self._emit(len(self._unsent))
        self._saver.close(_SAVE_TIMEOUT)

    def take_in(self, entries: list[Entry]) -> None:
        """Take in entries of the episode stream."""
        if not entries:
            return
        reports = []
        number = self.builder.history.episodes
        steps = self.builder.steps
        for entry in entries:
            episode = self._filter.admit(entry.payload)
            if episode is not None:
                number += 1
                time = _report_time(entry.id, self._wall())
                reports.append(EpisodeReport(entry.id, time, episode, number, steps))
                steps += episode.length
        # The disk first: the file is the cursor, and connectors must not know more than is read back after a kill.
        self._file.append(reports)
        self._cursor = entries[-1].id
        # After an outage many reports come at once. In few large updates they do not fill a slow connector's queue.
        interval = max(self._interval, len(reports) // 10)
        for report in reports:
            self._observers.emit("episode_finished", episode=report.episode)
            self._record(report, interval)

    def _reset_best(self) -> None:
        """Judge the best model by the episodes from now on. It is noted, and so outlives this process."""
        replace_bytes(self._view.best_since_file, b"%d" % self.builder.reset_best())
        self._saver.reset()
        (self._view.state / RESET).unlink(missing_ok=True)
        log.info("The best model is judged anew.")

    def _recover(self) -> deque[EpisodeRecord]:
        """Build the history from the reports on the disk; returns its last records."""
        recent: deque[EpisodeRecord] = deque(maxlen=_REPEATED)
        for report in self._file.read():
            self._filter.mark_seen(report.episode)
            recent.append(self.builder.add(report))
            self._cursor = report.entry
        if recent:
            log.info("Going on after %s episodes.", f"{self.builder.history.episodes:,}")
        return recent

    def _record(self, report: EpisodeReport, interval: int) -> None:
        before = self.builder.best
        record = self.builder.add(report)
        if not self._unsent:
            self._unsent_since = self._clock()
        self._unsent.append(record)
        if self.builder.best is not before:
            self._observers.emit("best_found", best=self.builder.best)
        is_due = len(self._unsent) >= interval
        if is_due:
            self._emit(interval)
        candidate = self.builder.candidate
        if candidate is not None and (is_due or candidate.iteration is not None):
            self._saver.consider(candidate, record)

    def _emit(self, count: int) -> None:
        records = tuple(self._unsent[:count])
        self._unsent = self._unsent[count:]
        self._observers.emit("episodes_recorded", update=self.update(records))

    def _emit_saved(self, saved: SavedModel, record: EpisodeRecord) -> None:
        self._observers.emit("checkpoint_saved", path=Path(saved.path), iteration=record.iteration, kind="best")
        evaluated = saved.metric.startswith(EVALUATION)
        metric = f"{saved.metric.removeprefix(EVALUATION)} of an evaluation" if evaluated else saved.metric
        text = f"Best model saved, mean {metric} {formatting.number(saved.score)}: {saved.path}"
        self._events.add(RunEvent(BEST, text, record.time, record.number, record.steps, record.iteration))


def _report_time(identifier: str, now: float) -> float:
    """When the stream's entry was made, so that reports which waited keep their time.

    `now` for ids without a time and for times that cannot be: before 2001 or more than a day ahead of our clock.
    """
    made = entry_time(identifier)
    return made if made is not None and 1e9 < made <= now + 86_400 else now
