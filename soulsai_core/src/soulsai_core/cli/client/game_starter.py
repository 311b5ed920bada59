"""Starts the player's own program, which brings back a game that is gone or hangs."""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Callable, Sequence

log = logging.getLogger(__name__)

# Seconds from one start to the next: a game needs minutes to be there.
_PAUSE_S = 300.0


class GameStarter:
    """Args:
    command: the program and its arguments; empty: there is none. No shell reads them.
    clock: monotonic seconds.
    """

    def __init__(self, command: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._command = list(command)
        self._clock = clock
        self._next = -1e9
        self._running: subprocess.Popen[bytes] | None = None

    def __call__(self) -> bool:
        """Start the program unless it was started a short time ago. Returns whether it was."""
        now = self._clock()
        if not self._command or now < self._next:
            return False
        self._next = now + _PAUSE_S
        log.warning("The environment keeps failing, so this is run: %s", subprocess.list2cmdline(self._command))
        if self._running is not None:
            self._running.poll()  # collects what has ended, which would stay a zombie otherwise
        try:
            # It is not waited for: it may be the game itself.
            self._running = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)
        except OSError as error:
            log.warning("It cannot be run: %s.", error)
            return False
        return True
