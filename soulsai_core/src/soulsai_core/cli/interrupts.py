"""Ctrl-C once: leave in good order. Twice: leave at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def on_interrupt(leave: Callable[[str], None], at_once: Callable[[], None] = lambda: None) -> Iterator[None]:
    """While the block runs, the first SIGINT or SIGTERM calls `leave(reason)`; the second calls `at_once()` and ends
    the process with exit code 130."""
    asked = False

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            at_once()
            os._exit(130)
        asked = True
        leave("interrupted" if number == signal.SIGINT else "asked to terminate")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
