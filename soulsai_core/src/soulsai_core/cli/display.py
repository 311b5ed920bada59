"""Output of a training: its log, and its progress as one live line, or as plain lines if there is no terminal."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.logging import RichHandler
from rich.text import Text

from soulsai_core.assembly.run_log import EVENTS
from soulsai_core.cli.background import in_background
from soulsai_core.cli.bounded_log import LOG_BYTES

TRACEBACKS = "soulsai_core.tracebacks"
"""The logger of `plugins.checks` that takes tracebacks."""

# Seconds between two lines of progress. Plain lines stay, so there are fewer of them.
_LIVE_INTERVAL = 0.25
_PLAIN_INTERVAL = 5.0


class QuietConsole(Console):
    """A console of a process that goes on when the reader of its output, such as `head`, has closed the pipe."""

    def on_broken_pipe(self) -> None:
        """Let further output vanish, where rich would end the process."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


class _Lines(logging.StreamHandler):
    """Log lines for a console that is no terminal."""

    def __init__(self, console: Console) -> None:
        super().__init__(console.file)
        self._console = console

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        if isinstance(sys.exc_info()[1], BrokenPipeError):
            self._console.on_broken_pipe()
        else:
            super().handleError(record)


def start_logging(console: Console, *, tracebacks: bool = True, warnings_only: bool = False) -> None:
    """Log to this console, above the live line: warnings of all packages, and information of soulsai_core.

    Args:
        tracebacks: also log those of plugins' errors, unless the console is a terminal; False if a log file has them.
        warnings_only: no information, which a log file may have all the same.
    """
    handler = RichHandler(console=console, show_path=False, markup=False, log_time_format="[%X]")
    # Without one of its own it would get logging's, which repeats level and name of the logger.
    handler.setFormatter(logging.Formatter("%(message)s"))
    plain = _Lines(console)
    plain.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    chosen = handler if console.is_terminal else plain
    chosen.setLevel(logging.WARNING if warnings_only else logging.INFO)
    chosen.addFilter(RepeatFilter())
    if console.is_terminal or not tracebacks:
        chosen.addFilter(lambda record: record.name != TRACEBACKS)
    chosen.addFilter(lambda record: record.name != EVENTS)
    logging.basicConfig(level=logging.WARNING, handlers=[chosen], force=True)
    logging.getLogger("soulsai_core").setLevel(logging.INFO)


class RepeatFilter(logging.Filter):
    """Lets a message that is repeated through when it came for the 1st, 2nd, 4th, 8th, ... time in a row, with its
    number. Each handler has one of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._last: tuple[str, str] | None = None
        self._times = 0

    def filter(self, record: logging.LogRecord) -> bool:
        # Another handler's filter may have put the number into the message already.
        message = getattr(record, "without_number", None) or record.getMessage()
        key = (record.name, message)
        self._times = self._times + 1 if key == self._last else 1
        self._last = key
        if self._times > 1 and self._times.bit_count() == 1 and not hasattr(record, "without_number"):
            record.without_number = message
            record.msg = f"{message} ({self._times} times in a row)"
            record.args = None
        return self._times.bit_count() == 1


@contextmanager
def log_file(path: Path) -> Iterator[None]:
    """While the block runs, also log to this file. It is rotated, and takes 4 MB at most."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(RepeatFilter())
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


@contextmanager
def progress_line(console: Console, latest: Callable[[], str | None]) -> Iterator[None]:
    """While the block runs, show the line that `latest` returns; None before there is one."""
    show = _show_live if console.is_terminal else _show_plain
    with in_background("progress-line", lambda ended: show(console, latest, ended)):
        yield


def _show_live(console: Console, latest: Callable[[], str | None], ended: threading.Event) -> None:
    with Live(Text("starting"), console=console, auto_refresh=False) as live:
        while not ended.wait(_LIVE_INTERVAL):
            live.update(_line(latest()), refresh=True)
        live.update(_line(latest()), refresh=True)


def _show_plain(console: Console, latest: Callable[[], str | None], ended: threading.Event) -> None:
    while not ended.wait(_PLAIN_INTERVAL):
        _print_plain(console, latest())
    _print_plain(console, latest())


def _print_plain(console: Console, line: str | None) -> None:
    if line is None:
        return
    try:
        print(line, file=console.file, flush=True)
    except BrokenPipeError:
        console.on_broken_pipe()


def _line(line: str | None) -> Text:
    return Text("starting" if line is None else line, overflow="ellipsis", no_wrap=True)
