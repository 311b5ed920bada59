"""The process of `soulsai telemetry --run-folder`: serves the page of a run that has ended."""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console

from soulsai_core import Catalog, ConfigError, load_config, replace_text
from soulsai_core.app import RunFolder, newest_first, on_interrupt, resolve_telemetry, run_path, start_logging
from soulsai_telemetry.comparing.runs import find_runs
from soulsai_telemetry.config import PageSettings, TelemetryConfig
from soulsai_telemetry.ended_run import EndedRun
from soulsai_telemetry.page import Page
from soulsai_telemetry.run_view import RunView

log = logging.getLogger("soulsai_telemetry")

# DETACHED_PROCESS and CREATE_NEW_PROCESS_GROUP, which `subprocess` defines on Windows alone.
_DETACHED_ON_WINDOWS = 0x8 | 0x200

# Seconds between two looks whether the run is trained again. Its new page comes seconds later, and gets the port.
_LOOK = 0.5


class RunPage:
    """Runs `soulsai telemetry --run-folder` with its arguments."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._leaving = threading.Event()

    def run(self) -> int:
        """Serve the page until the process is asked to end."""
        start_logging(Console(stderr=True))
        log.setLevel(logging.INFO)
        config = load_config(self._args.config, self._args.set)
        settings, _ = resolve_telemetry(config, Catalog())
        assert isinstance(settings, TelemetryConfig)
        folder = newest_run(self._args.run_folder, Path(config.run.saves))
        if folder.is_held:
            raise ConfigError(_running(folder))
        written = _written(folder)
        with on_interrupt(self._leave):
            page = Page(EndedRun(folder.path), settings.page)
            with served(page, RunView(folder, shared=True)):
                log.info("The page of %s is at %s; Ctrl-C closes it. %s", folder.name, page.url, page.note)
                self._wait(folder, written)
        return 0

    def _wait(self, folder: RunFolder, written: int) -> None:
        """Wait until the process is asked to end, its time is over, or the run is trained again: then the page would
        say that it has ended."""
        end = None if self._args.stay is None else time.monotonic() + self._args.stay
        while not self._leaving.wait(_LOOK):
            if is_trained_again(folder, written):
                log.info("%s is trained again, so this page closes.", folder.name)
                return
            if end is not None and time.monotonic() >= end:
                return

    def _leave(self, reason: str) -> None:
        self._leaving.set()


def is_trained_again(folder: RunFolder, written: int) -> bool:
    """Whether a training node has written a status since that of the time `written`, and has not ended. Not told by the
    lock of the folder: to look at it is to hold it for a moment, in which the node could not."""
    if _written(folder) == written:
        return False
    try:
        return json.loads(folder.status.read_text(encoding="utf-8")).get("state") != "ended"
    except (OSError, ValueError, RecursionError, AttributeError):
        return False


def _written(folder: RunFolder) -> int:
    """When the last status was written, in nanoseconds; 0 without one."""
    try:
        return folder.status.stat().st_mtime_ns
    except OSError:
        return 0


def newest_run(path: Path, saves: Path) -> RunFolder:
    """The run at this path or of this name under `saves`, or the newest one in it. Raises ConfigError without one."""
    return newest_first(run.folder for run in find_runs([run_path(path, saves)]))[0]


@contextmanager
def served(page: Page, view: RunView) -> Iterator[None]:
    """Serve the page while the block runs, with its address in the run's folder.

    The port is the one that the page of this run had before, if it is free, so that open browsers find it again.
    """
    port_file = view.state / "page_port"
    note = ""
    page.listen(_read_port(port_file))
    try:
        _note(port_file, page.url.rpartition(":")[2])
        note = f"{page.url} {page.note}".rstrip() + "\n"
        _note(view.folder.page, note)
        yield
    finally:
        page.close()
        # That of another page stays: a resumed run has one of its own.
        with suppress(OSError):
            if view.folder.page.read_text(encoding="utf-8") == note:
                view.folder.page.unlink()


@contextmanager
def left_out(reason: str, view: RunView) -> Iterator[None]:
    """While the block runs, say in the run's folder why there is no page: the training's terminal shows it."""
    _note(view.folder.no_page, f"{reason}\n")
    try:
        yield
    finally:
        with suppress(OSError):
            view.folder.no_page.unlink()


def serve_later(folder: Path, settings: PageSettings) -> None:
    """Start a process that serves the page of the ended run for a while, and outlives this one."""
    command = [sys.executable, "-m", "soulsai_core", "telemetry", "--run-folder", str(folder)]
    command += ["--stay", str(settings.stay_s), "--set", f"telemetry.config.page.host={settings.host}"]
    if settings.port is not None:
        command += ["--set", f"telemetry.config.page.port={settings.port}"]
    windows = os.name == "nt"
    subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        creationflags=_DETACHED_ON_WINDOWS if windows else 0,
        start_new_session=not windows,
    )


def _running(folder: RunFolder) -> str:
    """What to do instead of opening the page of a run that is trained now."""
    try:
        page = folder.page.read_text(encoding="utf-8").partition(" ")[0].strip()
    except OSError:
        page = ""
    where = f"its page is {page}" if page else "start its page with `soulsai telemetry`"
    return f"{folder.path} is being trained; {where}."


def _note(file: Path, text: str) -> None:
    """Write a small file. A folder that may only be read is no reason not to serve the page."""
    try:
        file.parent.mkdir(exist_ok=True)
        replace_text(file, text)
    except OSError as error:
        log.debug("%s cannot be written: %s", file, error)


def _read_port(file: Path) -> int | None:
    """The port of the page before."""
    try:
        return int(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
