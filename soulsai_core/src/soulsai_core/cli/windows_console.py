"""A console window that is closed on Windows, a user who logs off, and a system that shuts down."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ENDINGS = {2: "the terminal was closed", 5: "the user logs off", 6: "the system shuts down"}
"""CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT and CTRL_SHUTDOWN_EVENT of the Windows console, and what they mean."""

_FOREVER = 3600.0


def ending_handler(leave: Callable[[str], None], wait: Callable[[float], None] = time.sleep) -> Callable[[int], bool]:
    """(event) -> whether it was handled. Windows calls it in a thread of its own, and ends the process as soon as it
    returns, or after some seconds. So it does not return: the process ends when its main thread has saved and left.

    Python's own handler, which turns the event into SIGBREAK, returns at once, and leaves no time for anything.
    """

    def handle(event: int) -> bool:
        if event not in ENDINGS:
            return False  # Ctrl-C and Ctrl-Break are signals
        leave(ENDINGS[event])
        wait(_FOREVER)
        return True

    return handle


@contextmanager
def on_console_end(leave: Callable[[str], None]) -> Iterator[None]:
    """While the block runs, `leave(reason)` is called, from another thread, when Windows ends the console. Does nothing
    on other systems."""
    if sys.platform != "win32":
        yield
        return
    import ctypes

    kind = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_ulong)
    # Kept in a variable as long as Windows may call it.
    handler: Any = kind(ending_handler(leave))
    kernel = ctypes.WinDLL("kernel32")
    kernel.SetConsoleCtrlHandler(handler, True)
    try:
        yield
    finally:
        kernel.SetConsoleCtrlHandler(handler, False)
