"""A run that is read from its folder: its curves, its last status and what happened. Nothing is written."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from soulsai_core import EpisodeRow, JsonLines
from soulsai_core.app import Reply, RunFolder, StopSettings
from soulsai_telemetry.best_model import read_saved
from soulsai_telemetry.config import TelemetryConfig
from soulsai_telemetry.history.builder import EpisodeReport, HistoryBuilder, entry_time, trained_steps
from soulsai_telemetry.history.history import History
from soulsai_telemetry.history.records import TrainingStatus
from soulsai_telemetry.history.run_events import RunEvent, RunEvents
from soulsai_telemetry.history.status_history import StatusHistory
from soulsai_telemetry.history.summary import read_summary, status_on_disk
from soulsai_telemetry.history.update import HistoryUpdate
from soulsai_telemetry.machine import Machine
from soulsai_telemetry.run_view import RunView

log = logging.getLogger(__name__)

_NOT_RUNNING = "This run has ended: there is no training node that could save its model."


class EndedRun:
    """The run in a folder, as it was when it was opened. It answers to the page like a telemetry node.

    Args:
        folder: the run's folder.

    Attributes:
        config: how its metrics are computed, from its own configuration.
        status: the last of the training node, None if there was none.
    """

    live = False
    machine: Machine | None = None

    def __init__(self, folder: Path) -> None:
        self.view = RunView(RunFolder(folder), shared=True)
        self.run_id = self.view.folder.name
        self.settings: dict[str, Any] = self.view.config() or {}
        self.config = _config_of(self.settings)
        self.status: TrainingStatus | None = status_on_disk(self.view, read_summary(self.view.summary), time.time())
        self._builder = HistoryBuilder(self.config, self.view.best_since())
        for report in _reports(self.view):
            self._builder.add(report)
        self._status_history = StatusHistory(self.view.status_rows)
        self._events = RunEvents(self.view.events).all()

    @property
    def history(self) -> History:
        return self._builder.history

    @property
    def status_history(self) -> History:
        return self._status_history.history

    @property
    def metric_names(self) -> list[str]:
        return self._builder.metric_names

    @property
    def events(self) -> Sequence[RunEvent]:
        return self._events

    def update(self) -> HistoryUpdate:
        """The whole history, without new records."""
        saved = read_saved(self.view.saved_model, self.config.best)
        reports = {"incomplete": self._builder.incomplete}
        return HistoryUpdate((), self.history, self._builder.best, saved, reports)

    def send_command(self, name: str, options: Mapping[str, Any] = {}) -> Reply:
        """Refuses: there is no training node."""
        return Reply("", False, _NOT_RUNNING)


def _config_of(settings: dict[str, Any]) -> TelemetryConfig:
    """The telemetry's settings of the run; the defaults if it has none, or those of another version."""
    chosen = settings.get("telemetry", {}).get("config") or {}
    try:
        config = TelemetryConfig(**chosen)
    except (ValidationError, TypeError) as error:
        log.warning("The run's settings of telemetry cannot be used (%s). The defaults are used instead.", error)
        config = TelemetryConfig()
    if config.moving_average is not None:
        return config
    # As the telemetry node does it: as many episodes as the training node averages.
    episodes = settings.get("training", {}).get("stop", {}).get("episodes")
    window = episodes if isinstance(episodes, int) and episodes > 0 else StopSettings().episodes
    return config.model_copy(update={"moving_average": window})


def _reports(view: RunView) -> Iterator[EpisodeReport]:
    """The telemetry node's episodes, then those of the training node that came after them, for example without
    telemetry."""
    last = (0, 0)
    steps = 0
    for report in JsonLines(view.episodes, EpisodeReport).read():
        last = max(last, _position(report.entry))
        steps = max(steps, report.steps) + trained_steps(report.episode)
        yield report
    for row in JsonLines(view.folder.episodes, EpisodeRow).read():
        if _position(row.entry) > last or last == (0, 0):
            yield EpisodeReport(row.entry, entry_time(row.entry) or 0.0, row.episode, row.number, steps)
            steps += trained_steps(row.episode)


def _position(entry: str) -> tuple[int, int]:
    """An entry's id as numbers that can be compared; (0, 0) for one of another form."""
    milliseconds, _, sequence = entry.partition("-")
    if not (milliseconds.isdigit() and sequence.isdigit()):
        return 0, 0
    return int(milliseconds), int(sequence)
