"""The first Ctrl-C asks a process to finish; the second ends it at once. A closed terminal asks it to finish, too."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from soulsai_core.cli.windows_console import on_console_end

_ASKED = (signal.SIGINT, signal.SIGTERM)
_CLOSED = tuple(
    # SIGBREAK is Ctrl-Break on Windows. A console that is closed there would be one, too: see windows_console.
    getattr(signal, name)
    for name in ("SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
)


@contextmanager
def on_interrupt(leave: Callable[[str], None], at_once: Callable[[], None] = lambda: None) -> Iterator[None]:
    """While the block runs, the first SIGINT, SIGTERM or closed terminal calls `leave(reason)`.

    The second SIGINT or SIGTERM calls `at_once()` and ends the process with exit code 130. A terminal that closes may
    send several signals without an impatient user behind them: they ask only once. A process that was started to
    outlive its terminal, as with nohup, is left alone by it.
    """
    asked = False
    # Looked up now: once a terminal is closed, it can no longer be told from a file.
    terminals = _terminals()

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if number in _CLOSED:
            _send_to_nowhere(terminals)
            if not asked:
                asked = True
                leave("the terminal was closed")
            return
        if asked:
            at_once()
            # Not `sys.exit`, which would run `finally` blocks that may be what hangs.
            os._exit(130)
        asked = True
        leave("interrupted" if number == signal.SIGINT else "asked to terminate")

    wanted = (*_ASKED, *(number for number in _CLOSED if signal.getsignal(number) != signal.SIG_IGN))
    before = {number: signal.signal(number, handle) for number in wanted}
    try:
        with on_console_end(leave):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminals() -> list[int]:
    """The descriptors of standard output and error that are terminals."""
    found = []
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream.isatty():
                found.append(stream.fileno())
        except (AttributeError, OSError, ValueError):
            continue  # no stream, or one without a file
    return found


def _send_to_nowhere(descriptors: list[int]) -> None:
    """Let output vanish: writing to a closed terminal fails, which would end the process before it has saved."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
