"""The connector: gets the events of the telemetry node, and sends the messages that are due."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable
from pathlib import Path

import msgspec

from soulsai_core import ConnectorContext, ConnectorPlugin, hookimpl, replace_bytes
from soulsai_core.app import PARENT_GONE, UNREADABLE
from soulsai_telemetry.connectors.notify.config import NotifyConfig, destination
from soulsai_telemetry.connectors.notify.delivery import Delivery
from soulsai_telemetry.connectors.notify.messages import Message
from soulsai_telemetry.connectors.notify.reporter import Reported, Reporter
from soulsai_telemetry.connectors.notify.services import post
from soulsai_telemetry.history.records import BestScore, TrainingStatus
from soulsai_telemetry.history.update import HistoryUpdate

log = logging.getLogger(__name__)

_PANELS = 4
"""Metrics in the picture: more cannot be read on a phone."""


class Notify:
    """Tells started, finished, failed, stuck, well again and new bests, each once."""

    def __init__(self, config: NotifyConfig, context: ConnectorContext) -> None:
        to = destination(config)
        self._config = config
        self._run = context.run
        self._file = context.folder / "telemetry" / f"notify-{config.service}.json"
        self._reporter = Reporter(context.run, config, _read(self._file))
        self._delivery = Delivery(lambda message, picture: post(config, to, message, picture), config.max_per_hour)
        self._update: HistoryUpdate | None = None
        self._saved = b""

    @hookimpl
    def status_received(self, status: TrainingStatus) -> None:
        self._send(self._reporter.status_received(status))

    @hookimpl
    def episodes_recorded(self, update: HistoryUpdate) -> None:
        self._update = update

    @hookimpl
    def best_found(self, best: BestScore) -> None:
        self._reporter.best_found(best)

    @hookimpl
    def client_joined(self) -> None:
        self._reporter.client_joined()

    @hookimpl
    def client_lost(self) -> None:
        self._reporter.client_lost()

    @hookimpl
    def checkpoint_saved(self) -> None:
        self._reporter.checkpoint_saved()

    @hookimpl
    def training_stopped(self, reason: str) -> None:
        if reason == PARENT_GONE:
            self._send(self._reporter.parent_gone())

    def close(self) -> None:
        """Wait shortly for what is still to be sent."""
        self._delivery.close()

    def _send(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self._delivery.put(message, self._picture() if message.picture and self._config.picture else None)
        self._save()

    def _save(self) -> None:
        content = msgspec.json.encode(self._reporter.reported)
        if content == self._saved:
            return
        self._saved = content
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            replace_bytes(self._file, content)
        except OSError as error:
            log.warning("The messages that were sent cannot be noted in %s: %s.", self._file, error.strerror)

    def _picture(self) -> bytes | None:
        """The figure of the run as PNG; None before the first episode."""
        # Not at the top: the training process imports this module too, for its settings, and needs no matplotlib.
        from soulsai_telemetry.drawing import RunFigure

        if self._update is None or not self._update.history.episodes:
            return None
        figure = RunFigure(shown_metrics(self._update), self._run)
        figure.show(self._update.history)
        content = io.BytesIO()
        figure.figure.savefig(content, format="png")
        return content.getvalue()


def shown_metrics(update: HistoryUpdate) -> list[str]:
    """The metrics in the picture: that of the best model, and the first others."""
    best = [] if update.best is None else [update.best.metric]
    return list(dict.fromkeys([*best, *update.history.names]))[:_PANELS]


def _read(file: Path) -> Reported:
    """What messages of an earlier process have reported of this run."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Reported)
    except (OSError, *UNREADABLE):
        return Reported()


plugin = ConnectorPlugin(name="notify", config=NotifyConfig, make=Notify, home="telemetry")
