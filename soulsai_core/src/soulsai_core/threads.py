"""A thread that does one thing over and over, and survives the loss of the server."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

from soulsai_core.backoff import delays
from soulsai_core.errors import SoulsAIError, TransportError

log = logging.getLogger(__name__)


class SupervisedLoop:
    """Calls `step` until stopped. A TransportError is waited out with growing pauses; anything else ends the thread
    and is kept in `failure` for the owner to raise.

    Args:
        name: for thread and log.
        step: does a bounded piece of work; it blocks with a time-out where there is nothing to do.
        back: called after the server was lost and a step succeeded again.
    """

    def __init__(
        self, name: str, step: Callable[[], None], rng: random.Random, back: Callable[[], None] | None = None
    ) -> None:
        self.failure: Exception | None = None
        self.losses = 0
        self._step = step
        self._rng = rng
        self._back = back
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def stopping(self) -> bool:
        """True once `stop` was called."""
        return self._stop.is_set()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end after its current step."""
        self._stop.set()

    def join(self, timeout: float) -> None:
        """Wait for the thread's end, if it was started."""
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._attempt()
        except Exception as error:
            self.failure = error

    def _attempt(self) -> None:
        pauses = delays(self._rng)
        lost = False
        while not self._stop.is_set():
            try:
                self._step()
            except TransportError as error:
                if not lost:
                    log.warning("%s Trying again until it is back.", error)
                    self.losses += 1
                lost = True
                self._stop.wait(next(pauses))
                continue
            if lost:
                log.warning("The server is back.")
                if self._back is not None:
                    self._back()
            return


class Supervised:
    """Does its work in a loop of its own, which whoever owns it starts, looks after and stops."""

    _loop: SupervisedLoop

    def start(self) -> None:
        """Start the loop's thread."""
        self._loop.start()

    def check(self) -> None:
        """Raise what ended the thread, if anything did."""
        if self._loop.failure is not None:
            raise self._loop.failure

    def stop(self) -> None:
        """Ask the thread to end after what it is doing."""
        self._loop.stop()


def quietly(close: Callable[[], None]) -> None:
    """Close something whose server may be away when we leave."""
    try:
        close()
    except SoulsAIError as error:
        log.warning("While stopping: %s", error)
