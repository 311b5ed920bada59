"""What the page needs of a run, whether it is live or read from its folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from soulsai_telemetry.commands import SendCommand
from soulsai_telemetry.config import TelemetryConfig
from soulsai_telemetry.history.history import History
from soulsai_telemetry.history.records import TrainingStatus
from soulsai_telemetry.history.run_events import RunEvent
from soulsai_telemetry.history.update import HistoryUpdate
from soulsai_telemetry.machine import Machine
from soulsai_telemetry.run_view import RunView


class RunSource(Protocol):
    """A run that the page shows: a telemetry node, or a run that was read from its folder.

    Attributes:
        run_id: name of the run's folder.
        config: how its metrics are computed.
        view: its folder.
        live: whether a training node may still report.
        send_command: sends a command to the training node.
    """

    @property
    def run_id(self) -> str: ...

    @property
    def config(self) -> TelemetryConfig: ...

    @property
    def view(self) -> RunView: ...

    @property
    def live(self) -> bool: ...

    @property
    def send_command(self) -> SendCommand: ...

    @property
    def settings(self) -> dict[str, Any]:
        """The run's configuration, or the part of it that is known here."""
        ...

    @property
    def history(self) -> History:
        """Of the episodes."""
        ...

    @property
    def status_history(self) -> History:
        """Of rates, staleness and the learner's numbers."""
        ...

    @property
    def status(self) -> TrainingStatus | None:
        """The latest, None before the first."""
        ...

    @property
    def machine(self) -> Machine | None:
        """How busy this machine is; None if it is not measured."""
        ...

    @property
    def metric_names(self) -> list[str]:
        """All metrics, in the order in which they are shown."""
        ...

    @property
    def events(self) -> Sequence[RunEvent]:
        """What happened, oldest first."""
        ...

    def update(self) -> HistoryUpdate:
        """The history as it is now, without new records."""
        ...
