"""Waiting for the server, for the end of the parent process, and for the Enter key."""

from __future__ import annotations

import _thread
import logging
import math
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from soulsai_core.errors import TransportError
from soulsai_core.threads import delays

log = logging.getLogger(__name__)

LEAVE_TIMEOUT_S = 10.0
"""Seconds that a process may go on after the one that started it has ended. Longer than that one waits if it lives."""

_SAVE_TIMEOUT_S = 60.0
"""The same of a training, which writes a checkpoint meanwhile."""

T = TypeVar("T")

PARENT_GONE = "the process that started this one is gone"
"""The reason that `when_parent_ends` gives."""


def wait_for_server(connect: Callable[[], T], left: threading.Event, patience: float = math.inf) -> T | None:
    """The result of `connect()` once the server answers; None if `left` is set before.

    Raises TransportError if the server still does not answer after `patience` seconds.
    """
    deadline = time.monotonic() + patience
    logged = False
    for pause in delays(random.Random(), first=0.3, longest=2.0):
        if left.is_set():
            break
        try:
            return connect()
        except TransportError as error:
            if time.monotonic() + pause > deadline:
                raise
            if not logged:
                log.warning("%s Waiting for it.", error)
            logged = True
        left.wait(pause)
    return None


def when_parent_ends(
    leave: Callable[[str], None], end: Callable[[int], object] = os._exit, patience: float = LEAVE_TIMEOUT_S
) -> None:
    """Call `leave(reason)` from a thread once the process that started this one has ended, and `end(1)` if this process
    is still there `patience` seconds later, as one whose environment hangs.

    Standard input is a pipe from the parent, which closes even if the parent is killed.
    """

    def watch() -> None:
        while _read_input():
            pass
        leave(PARENT_GONE)
        time.sleep(patience)
        end(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def interrupt_when_parent_ends() -> None:
    """Ask this process to terminate, as SIGTERM does, once the one that started it has ended. It ends in any case after
    a minute; at once if nothing is there yet that handles the signal."""

    def interrupt(_reason: str) -> None:
        if not callable(signal.getsignal(signal.SIGTERM)):
            os._exit(1)
        _thread.interrupt_main(signal.SIGTERM)

    when_parent_ends(interrupt, patience=_SAVE_TIMEOUT_S)


def when_enter_is_pressed(leave: Callable[[str], None]) -> threading.Thread:
    """Call `leave(reason)` from a thread, which is returned, at the next line of standard input. The end of standard
    input does not count."""

    def watch() -> None:
        if _read_input():
            leave("Enter was pressed")

    thread = threading.Thread(target=watch, name="enter-watch", daemon=True)
    thread.start()
    return thread


def _read_input() -> bytes:
    """The next bytes of standard input, none at its end."""
    # Not `sys.stdin.read`: a thread that waits there holds the lock of Python's buffer, and the interpreter aborts when
    # it ends while a daemon thread holds that.
    return os.read(sys.stdin.fileno(), 4096)
