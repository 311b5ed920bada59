"""What commands that outlive others share: they wait for the server, and leave with the process that started them."""

from __future__ import annotations

import logging
import math
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from soulsai_core.backoff import delays
from soulsai_core.errors import TransportError

log = logging.getLogger(__name__)

T = TypeVar("T")


def wait_for_server(connect: Callable[[], T], left: threading.Event, patience: float = math.inf) -> T | None:
    """What `connect` returns, as soon as the server answers; None if `left` was set before.

    Raises TransportError if it still does not answer after `patience` seconds.
    """
    deadline = time.monotonic() + patience
    told = False
    for pause in delays(random.Random(), first=0.3, longest=2.0):
        if left.is_set():
            break
        try:
            return connect()
        except TransportError as error:
            if time.monotonic() + pause > deadline:
                raise
            if not told:
                log.warning("%s Waiting for it.", error)
            told = True
        left.wait(pause)
    return None


def when_parent_ends(leave: Callable[[str], None]) -> None:
    """Call `leave(reason)` from a thread once the process that started this one is gone, however it went: the other
    end of standard input is then closed."""

    def watch() -> None:
        while _read_input():
            pass
        leave("the process that started this one is gone")

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def when_enter_is_pressed(leave: Callable[[str], None]) -> threading.Thread:
    """Call `leave(reason)` from a thread, which is returned, at the next line of standard input; its end is no key."""

    def watch() -> None:
        if _read_input():
            leave("Enter was pressed")

    thread = threading.Thread(target=watch, name="enter-watch", daemon=True)
    thread.start()
    return thread


def _read_input() -> bytes:
    """The next bytes of standard input, none at its end. Past Python's own buffer: who waits for that holds a lock
    without which the interpreter cannot end, and aborts."""
    return os.read(sys.stdin.fileno(), 4096)
