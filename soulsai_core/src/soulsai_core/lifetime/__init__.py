"""Processes that end together with the one that started them, however that ends: by kill -9, too."""

from __future__ import annotations

import os
import signal
import sys
import threading
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
    # The parent may have ended before the kernel was asked.
    if os.getppid() != parent:
        os._exit(1)


def follow_parent(*, of_main_thread: bool) -> None:
    """Called by a process of `multiprocessing`: it ends when its parent has ended, whatever it does then.

    Args:
        of_main_thread: it was started by the main thread of its parent, which ends together with the parent.
    """
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None:
        return
    if of_main_thread:
        end_with_parent(parent.pid)

    def end_after_parent() -> None:
        parent.join()
        # At once: what this process waits for may never come.
        os._exit(1)

    threading.Thread(target=end_after_parent, name="parent-watch", daemon=True).start()


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
