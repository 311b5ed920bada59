"""The first Ctrl-C asks a process to finish; the second ends it at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def on_interrupt(leave: Callable[[str], None], at_once: Callable[[], None] = lambda: None) -> Iterator[None]:
    """While the block runs, the first SIGINT or SIGTERM calls `leave(reason)`. The second calls `at_once()` and ends
    the process with exit code 130."""
    interrupted = False

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        if interrupted:
            at_once()
            # Not `sys.exit`, which would run `finally` blocks that may be what hangs.
            os._exit(130)
        interrupted = True
        leave("interrupted" if number == signal.SIGINT else "asked to terminate")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
