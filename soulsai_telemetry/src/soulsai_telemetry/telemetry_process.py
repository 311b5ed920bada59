"""The process of `soulsai telemetry`: waits for the server and a training, watches it, and goes on with the next."""

from __future__ import annotations

import argparse
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from pydantic import BaseModel

from soulsai_core import (
    Announcement,
    Catalog,
    ConfigError,
    ConnectorContext,
    ConnectorPlugin,
    NodeStatus,
    SoulsAIError,
    TransportError,
    load_config,
)
from soulsai_core.app import (
    UNREADABLE,
    Observers,
    QuietConsole,
    Transport,
    connect_from,
    on_interrupt,
    resolve_telemetry,
    start_logging,
    wait_for_announcement,
    wait_for_server,
    when_parent_ends,
)
from soulsai_telemetry.config import TelemetryConfig
from soulsai_telemetry.hookspecs import TelemetrySpecs
from soulsai_telemetry.node import NEW_TRAINING, TelemetryNode
from soulsai_telemetry.page import Page
from soulsai_telemetry.run_page import left_out, serve_later, served
from soulsai_telemetry.run_view import RunView

log = logging.getLogger("soulsai_telemetry")

# Seconds between two looks at whether the status belongs to the announced training.
_PAUSE = 0.3
# Added to the process's niceness: on a machine that also trains, training comes first.
_NICENESS = 5

_LEAVE_TIMEOUT_S = 120.0
"""Seconds to end in after a training that was killed. Connectors draw and send their messages about it, which takes
long on a machine that others use too."""


class TelemetryProcess:
    """Runs `soulsai telemetry` with its arguments."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._leaving = threading.Event()
        self._node: TelemetryNode | None = None

    def run(self) -> int:
        """Watch one training after the other until the process is asked to end."""
        start_logging(QuietConsole(stderr=True))
        log.setLevel(logging.INFO)
        config = load_config(self._args.config, self._args.set)
        catalog = Catalog()
        settings, self._connectors = resolve_telemetry(config, catalog)
        assert isinstance(settings, TelemetryConfig)
        self._settings = settings
        self._saves = self._args.saves or Path(config.run.saves)
        with catalog.calls.watched(), on_interrupt(self.leave):
            if self._args.with_parent:
                _lower_priority()
                when_parent_ends(self.leave, patience=_LEAVE_TIMEOUT_S)
            transport = wait_for_server(lambda: connect_from(self._args), self._leaving)
            if transport is None:
                return 0
            try:
                while self._watch(transport) == NEW_TRAINING and not self._leaving.is_set():
                    log.info("Another training has begun.")
            finally:
                transport.close()
        return 0

    def leave(self, reason: str) -> None:
        """End after everything is recorded and closed."""
        self._leaving.set()
        if self._node is not None:
            self._node.stop(reason)

    def _watch(self, transport: Transport) -> str:
        """Watch one training; returns why that ended."""
        found = self._wait_for_training(transport)
        if found is None:
            return "left before a training began"
        announced, status = found
        view = RunView.of(status, self._saves)
        _make_folder(view.state)
        observers = Observers(specs=TelemetrySpecs)
        settings = self._settings
        if settings.moving_average is None:
            settings = settings.model_copy(update={"moving_average": status.window_episodes})
        node = TelemetryNode(transport, announced, view, settings, observers)
        self._node = node
        try:
            context = ConnectorContext(node.run_id, view.folder.path, view.config() or {})
            register_connectors(observers, self._connectors, context)
            with self._page(node, observers) as page:
                # Asked while the node was made, `leave` found none that it could stop.
                if self._leaving.is_set():
                    node.stop("asked to leave")
                log.info("Watching %s; its history is kept in %s.", node.run_id, view.state)
                reason = node.run()
            if self._args.with_parent and page is not None and page.was_read and not node.live:
                self._leave_page(node)
            return reason
        finally:
            observers.close()

    @contextmanager
    def _page(self, node: TelemetryNode, observers: Observers) -> Iterator[Page | None]:
        """Serve the page while the block runs. None without one: if the settings say so, or if its port is taken, since
        history and best model must not depend on it."""
        if not self._settings.page.enabled:
            yield None
            return
        with ExitStack() as stack:
            page = self._opened(node, stack)
            if page is not None:
                observers.register("page", page)
                log.info("The page is at %s %s", page.url, page.note)
            yield page

    def _opened(self, node: TelemetryNode, stack: ExitStack) -> Page | None:
        """The page, open until the stack closes. None if it cannot be opened; the run's folder then says why."""
        try:
            page = Page(node, self._settings.page)
            stack.enter_context(served(page, node.view))
            return page
        except ConfigError as error:
            log.error("The page is left out: %s", error)
            stack.enter_context(left_out(str(error), node.view))
            return None

    def _leave_page(self, node: TelemetryNode) -> None:
        """Somebody looks at the page of a training that has ended: leave a process that goes on serving it."""
        if self._settings.page.stay_s > 0:
            serve_later(node.view.folder.path, self._settings.page)
            log.info("The page stays for %.0f minutes.", self._settings.page.stay_s / 60)

    def _wait_for_training(self, transport: Transport) -> tuple[Announcement, NodeStatus] | None:
        """The announcement and the status of a training, waiting for both; None if asked to leave meanwhile."""
        while not self._leaving.is_set():
            announced = wait_for_announcement(transport, lambda: not self._leaving.is_set())
            status = _read_status(transport)
            # A new training announces itself before it writes its first status: until then that of the old one is read.
            if announced is not None and status is not None and status.run_id == announced.run_id:
                return announced, status
            self._leaving.wait(_PAUSE)
        return None


def register_connectors(
    observers: Observers, connectors: Sequence[tuple[ConnectorPlugin, BaseModel]], context: ConnectorContext
) -> None:
    """Make the connectors and register them. One that cannot be made, for example because its port is taken, is named
    and left out: page, history and best model must not depend on it."""
    for plugin, settings in connectors:
        try:
            observers.register(plugin.name, plugin.make(settings, context))
        except SoulsAIError as error:
            log.error("The connector %s is left out: %s", plugin.name, error)


def _read_status(transport: Transport) -> NodeStatus | None:
    """The training node's status; None if there is none, or the server is away or the status unreadable for now."""
    try:
        found = transport.read_status()
        return None if found is None else msgspec.json.decode(found[1], type=NodeStatus)
    except (TransportError, *UNREADABLE):
        return None


def _lower_priority() -> None:
    if hasattr(os, "nice"):
        os.nice(_NICENESS)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"The telemetry's folder {folder} cannot be made ({error.strerror}); set run.saves to a folder "
            "that you may write to."
        ) from error
