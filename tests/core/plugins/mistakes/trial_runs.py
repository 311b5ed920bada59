"""Short trainings in this process, as `soulsai train` makes them, and everything that they say."""

from __future__ import annotations

import itertools
import logging
import sys
import threading
import time
import types
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from typing import Any

from right_plugins import RIGHT

from soulsai_core.assembly.client import make_client, wait_for_announcement
from soulsai_core.assembly.node import create_folder, make_node
from soulsai_core.config import load_config, resolve
from soulsai_core.plugins.catalog import Catalog
from soulsai_core.run_folder import RunFolder
from soulsai_core.transport.memory import MemoryServer, MemoryTransport

_NUMBERS = itertools.count()
GROUPS = {
    "algorithm": "soulsai.algorithms",
    "environment": "soulsai.environments",
    "connector": "soulsai.connectors",
    "network": "soulsai.networks",
    "wrapper": "soulsai.wrappers",
}


class _Distribution(Distribution):
    def __init__(self, name: str) -> None:
        self._name = name

    def read_text(self, filename: str) -> str | None:
        return f"Metadata-Version: 2.1\nName: {self._name}\nVersion: 1.2\n" if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        return Path(path)


def entry(kind: str, plugin: object, name: str = "mine", distribution: str = "acme") -> EntryPoint:
    """The entry point of an object, which is put into a module of its own. A text is a module and its attribute."""
    target = plugin
    if not isinstance(plugin, str):
        module = types.ModuleType(f"mistaken_{next(_NUMBERS)}")
        module.plugin = plugin  # type: ignore[attr-defined]
        sys.modules[module.__name__] = module
        target = f"{module.__name__}:plugin"
    return EntryPoint(name, str(target), GROUPS[kind])._for(_Distribution(distribution))  # type: ignore[attr-defined]


class Sayings(logging.Handler):
    """Everything that is logged or raised."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.sentences: list[str] = []
        self.tracebacks = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.tracebacks += record.exc_info is not None
        self.sentences.append(record.getMessage())

    def ended(self, error: BaseException) -> None:
        self.sentences.append(str(error))


class TrialRun:
    """One training node and one client, each in a thread, until both have ended."""

    def __init__(self, catalog: Catalog, folder: Path, settings: Iterable[str] = (), iterations: int = 4) -> None:
        self.said = Sayings()
        self._catalog = catalog
        self._settings = [
            "algorithm.name=mine", "environment.name=mine", f"run.saves={folder / 'saves'}",
            f"training.stop.iterations={iterations}", "client.max_message_rows=8", "client.max_message_age_s=0.05",
            "client.heartbeat_interval_s=0.1", "telemetry.enabled=false", *settings,
        ]  # fmt: skip
        self._server = MemoryServer()
        self._ended = threading.Event()
        self._node: Any = None
        self._client: Any = None
        self.folder: RunFolder | None = None

    def run(self, enough: Callable[[list[str]], bool], seconds: float = 10.0, resume: RunFolder | None = None) -> float:
        """Train until something that was said is enough, or all has ended. Returns the seconds it took."""
        self.folder = resume
        log = logging.getLogger()
        level = logging.getLogger("soulsai_core").level
        logging.getLogger("soulsai_core").setLevel(logging.INFO)
        log.addHandler(self.said)
        threads = [
            threading.Thread(target=self._guard, args=(part,), daemon=True) for part in (self._train, self._play)
        ]
        began = time.monotonic()
        stack = ExitStack()
        try:
            stack.enter_context(self._catalog.calls.watched())
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads) and time.monotonic() < began + seconds:
                if enough(self.said.sentences):
                    break
                threads[0].join(0.01)
            took = time.monotonic() - began
            self._ended.set()
            self._stop()
            self._catalog_released()
            for thread in threads:
                thread.join(5.0)
            return took
        finally:
            stack.close()
            log.removeHandler(self.said)
            logging.getLogger("soulsai_core").setLevel(level)

    def _catalog_released(self) -> None:
        RELEASED.set()

    def _stop(self) -> None:
        if self._node is not None:
            self._node.shutdown("the trial is over")
        if self._client is not None:
            self._client.stop("the trial is over")

    def _guard(self, part: Callable[[], None]) -> None:
        try:
            part()
        except Exception as error:
            self.said.ended(error)
            self._ended.set()
            self._stop()

    def _train(self) -> None:
        resolved = resolve(load_config(None, self._settings, {}, self._catalog), self._catalog)
        resume = self.folder is not None
        self.folder = self.folder or create_folder(resolved)
        self._node = make_node(resolved, MemoryTransport(self._server), self.folder, resume=resume)
        if self._ended.is_set():
            self._node.shutdown("the trial is over")
        self._node.run()

    def _play(self) -> None:
        transport = MemoryTransport(self._server)
        announcement = wait_for_announcement(transport, lambda: not self._ended.is_set(), pause=0.01)
        if announcement is None:
            return
        self._client = make_client(announcement, transport, catalog=self._catalog, seed=0)
        if not self._ended.is_set():
            self._client.run()


RELEASED = threading.Event()
"""Set at the end of a trial: methods that hang go on."""


def hang(*_: Any, **__: Any) -> Any:
    """A method that hangs until the trial is over."""
    RELEASED.wait()


def entries_of(plugins: Mapping[str, object]) -> list[EntryPoint]:
    """Entry points of these plugins, and of right ones for the other kinds. Names of kinds may be given as a list."""
    found = []
    for kind in GROUPS:
        given = plugins.get(kind, RIGHT[kind])
        for item in given if isinstance(given, list) else [given]:
            found.append(item if isinstance(item, EntryPoint) else entry(kind, item))
    return found


def catalog_of(plugins: Mapping[str, object], **options: Any) -> Catalog:
    """A catalog of these plugins alone, besides the core's own environments."""
    found = entries_of(plugins)
    return Catalog(lambda group: [point for point in found if point.group == group], **options)
