"""Output of a training: its log, and its progress as one live line, or as plain lines if there is no terminal."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.logging import RichHandler
from rich.text import Text

from soulsai_core.cli.background import in_background
from soulsai_core.cli.formatting import progress

if TYPE_CHECKING:
    from soulsai_core.messages import NodeStatus

# Seconds between two lines of progress. Plain lines stay, so there are fewer of them.
_LIVE_INTERVAL = 0.25
_PLAIN_INTERVAL = 5.0

# Bytes of a log file before it is rotated.
_LOG_BYTES = 2**21


def start_logging(console: Console) -> None:
    """Log to this console, above the live line: warnings of all packages, and information of soulsai_core."""
    handler = RichHandler(console=console, show_path=False, markup=False, log_time_format="[%X]")
    plain = logging.StreamHandler(console.file)
    plain.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler if console.is_terminal else plain], force=True)
    logging.getLogger("soulsai_core").setLevel(logging.INFO)


@contextmanager
def log_file(path: Path) -> Iterator[None]:
    """While the block runs, also log to this file. It is rotated, and takes 4 MB at most."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


@contextmanager
def progress_line(console: Console, latest: Callable[[], NodeStatus | None]) -> Iterator[None]:
    """While the block runs, show the status that `latest` returns."""
    show = _show_live if console.is_terminal else _show_plain
    with in_background("progress-line", lambda ended: show(console, latest, ended)):
        yield


def _show_live(console: Console, latest: Callable[[], NodeStatus | None], ended: threading.Event) -> None:
    with Live(Text("starting"), console=console, auto_refresh=False) as live:
        while not ended.wait(_LIVE_INTERVAL):
            live.update(_line(latest()), refresh=True)
        live.update(_line(latest()), refresh=True)


def _show_plain(console: Console, latest: Callable[[], NodeStatus | None], ended: threading.Event) -> None:
    while not ended.wait(_PLAIN_INTERVAL):
        if (status := latest()) is not None:
            print(progress(status), file=console.file, flush=True)
    if (status := latest()) is not None:
        print(progress(status), file=console.file, flush=True)


def _line(status: NodeStatus | None) -> Text:
    return Text("starting" if status is None else progress(status), overflow="ellipsis", no_wrap=True)
