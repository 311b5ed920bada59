"""Processes that end together with the one that started them, however that ends: by kill -9, too."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable


def end_with_parent(parent: int) -> None:
    """Called by a child process on Linux: the kernel kills it when the thread that started it has ended. Elsewhere this
    does nothing.

    Args:
        parent: the process id of the parent. If it has ended already, this process ends now.
    """
    if sys.platform != "linux":
        return
    import ctypes  # not at the top: it takes a part of the time in which a small process starts

    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def tie_to_this_process(child: int) -> Callable[[], None]:
    """Called by the parent on Windows: the kernel ends a child when this process has ended, or when the function is
    called that is returned. Elsewhere this does nothing.

    Args:
        child: its process id. What it starts itself, such as a game, is left alone.
    """
    if sys.platform != "win32":
        return lambda: None
    from soulsai_core.lifetime.job_object import tied

    return tied(child)
