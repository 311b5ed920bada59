"""The telemetry node's life: wait for the server, wait for a training, watch it, and go on with the next one."""

from __future__ import annotations

import argparse
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from rich.console import Console

from soulsai_core import (
    Announcement,
    Catalog,
    Config,
    ConfigError,
    ConnectorContext,
    NodeStatus,
    Observers,
    RedisSettings,
    RunFolder,
    Transport,
    TransportError,
    config_from,
    on_interrupt,
    open_transport,
    resolve_telemetry,
    running_address,
    start_logging,
    wait_for_server,
    when_parent_ends,
)
from soulsai_telemetry.config import TelemetryConfig
from soulsai_telemetry.hookspecs import TelemetrySpecs
from soulsai_telemetry.node import NEW_TRAINING, TelemetryNode
from soulsai_telemetry.page import Page
from soulsai_telemetry.run_view import RunView

log = logging.getLogger("soulsai_telemetry")

_PAUSE = 0.3


class TelemetryProcess:
    """Runs `soulsai telemetry` with its arguments."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._left = threading.Event()
        self._node: TelemetryNode | None = None

    def run(self) -> int:
        """Watch one training after the other until somebody ends it."""
        start_logging(Console(stderr=True))
        log.setLevel(logging.INFO)
        self._config: Config = config_from(self._args)
        settings, self._connectors = resolve_telemetry(self._config, Catalog())
        assert isinstance(settings, TelemetryConfig)
        self._settings = settings
        with on_interrupt(self.leave):
            if self._args.with_parent:
                _step_back()
                when_parent_ends(self.leave)
            settings = self._redis_settings()
            transport = wait_for_server(lambda: open_transport(settings, self._config.run.name), self._left)
            if transport is None:
                return 0
            try:
                while self._watch(transport) == NEW_TRAINING and not self._left.is_set():
                    log.info("Another training has begun.")
            finally:
                transport.close()
        return 0

    def leave(self, reason: str) -> None:
        """Leave in good order."""
        self._left.set()
        if self._node is not None:
            self._node.stop(reason)

    def _redis_settings(self) -> RedisSettings:
        """Those of the configuration, with the address given, or that of the training on this machine."""
        settings = self._config.redis
        saves = Path(self._config.run.saves)
        address = self._args.redis_address or settings.address or running_address(saves)
        if address is None:
            raise ConfigError(
                f"No training runs on this machine under {saves}. Give --redis-address, or set redis.address or "
                "run.saves."
            )
        return settings.model_copy(update={"address": address})

    def _watch(self, transport: Transport) -> str:
        """Watch one training; returns why that ended."""
        found = self._await_training(transport)
        if found is None:
            return "left before a training began"
        announced, status = found
        view = RunView.of(status, Path(self._config.run.saves))
        _make(view.state)
        observers = Observers(specs=TelemetrySpecs)
        node = self._node = TelemetryNode(transport, announced, view, self._settings, observers)
        try:
            context = ConnectorContext(node.run_id, view.folder, view.config() or {})
            for plugin, settings in self._connectors:
                observers.register(plugin.name, plugin.make(settings, context))
            with self._page(node, observers):
                if self._left.is_set():
                    node.stop("asked to leave")
                log.info("Watching %s; its history is kept in %s.", node.run_id, view.state)
                return node.run()
        finally:
            observers.close()

    @contextmanager
    def _page(self, node: TelemetryNode, observers: Observers) -> Iterator[None]:
        """Serve the page while the block runs, and note where it is."""
        if not self._settings.page.enabled:
            yield
            return
        page = Page(node, self._settings.page)
        note = RunFolder(node.view.folder).page
        last = node.view.state / "page_port"
        page.listen(_read_port(last))
        observers.register("page", page)
        log.info("The page is at %s", page.url)
        last.write_text(page.url.rpartition(":")[2], encoding="utf-8")
        note.write_text(page.url + "\n", encoding="utf-8")
        try:
            yield
        finally:
            note.unlink(missing_ok=True)

    def _await_training(self, transport: Transport) -> tuple[Announcement, NodeStatus] | None:
        """The announcement and status of the training that is there, waiting for it; None if somebody leaves."""
        lost = False
        while not self._left.wait(_PAUSE):
            try:
                pair = _agreeing(transport.read_config(), transport.read_status())
            except TransportError as error:
                if not lost:
                    log.warning("%s Waiting for it.", error)
                lost = True
                continue
            if pair is not None:
                return pair
        return None


def _agreeing(announced: bytes | None, status: bytes | None) -> tuple[Announcement, NodeStatus] | None:
    """Both, once they are of the same training."""
    if announced is None or status is None:
        return None
    pair = msgspec.json.decode(announced, type=Announcement), msgspec.json.decode(status, type=NodeStatus)
    return pair if pair[0].run_id == pair[1].run_id else None


def _step_back() -> None:
    """On a machine that also trains, training comes first."""
    if hasattr(os, "nice"):
        os.nice(5)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"The telemetry's folder {folder} cannot be made ({error.strerror}); set run.saves to one that is ours."
        ) from error


def _read_port(note: Path) -> int | None:
    """The port of the page before, so that open browsers find it again."""
    try:
        return int(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
