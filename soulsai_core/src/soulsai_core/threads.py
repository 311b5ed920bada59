"""Threads that repeat one step and survive the loss of the server, and the parts of a process that run in one."""

from __future__ import annotations

import logging
import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import TypeVar

from soulsai_core.errors import SoulsAIError, TransportError

log = logging.getLogger(__name__)

T = TypeVar("T")


def delays(rng: random.Random, first: float = 0.1, factor: float = 2.0, longest: float = 3.0) -> Iterator[float]:
    """Endless waits in seconds between attempts: exponential up to `longest`, each shortened at random by up to half.

    The jitter keeps clients that lost the same server from reconnecting all at once.
    """
    bound = first
    while True:
        yield bound * (1 - 0.5 * rng.random())
        bound = min(bound * factor, longest)


def outlast(
    work: Callable[[], T], rng: random.Random, pause: Callable[[float], object], stopping: Callable[[], bool]
) -> T:
    """Call `work`, again after each loss of the server, and return what it returns. Raises the TransportError once
    `stopping()` is true.

    Args:
        pause: waits for the given seconds.
    """
    pauses = delays(rng)
    lost = False
    while True:
        try:
            result = work()
        except TransportError as error:
            if stopping():
                raise
            if not lost:
                log.warning("%s Trying again until it is back.", error)
            lost = True
            pause(next(pauses))
            continue
        if lost:
            log.warning("The server is back.")
        return result


class RetryingThread:
    """Calls `step` until stopped. After a TransportError it waits and tries again; any other exception ends the thread
    and is kept in `failure` for the owner to raise.

    Args:
        name: of the thread.
        step: does a bounded piece of work; where there is nothing to do it blocks with a time-out.
        on_loss: called when the server is lost.
        on_reconnect: called after the server was lost and a step succeeded again.

    Attributes:
        failure: the exception that ended the thread, None if there was none.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], None],
        rng: random.Random,
        *,
        on_loss: Callable[[], object] = lambda: None,
        on_reconnect: Callable[[], object] = lambda: None,
    ) -> None:
        self.failure: Exception | None = None
        self._step = step
        self._rng = rng
        self._on_loss = on_loss
        self._on_reconnect = on_reconnect
        self._stop = threading.Event()
        # A daemon: a thread that hangs in a call must not keep the process from ending.
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

    def join(self, timeout: float) -> bool:
        """Wait for the end of the thread, if it was started. Returns whether it is not running."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def check(self) -> None:
        """Raise what ended the thread, if anything did."""
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._attempt()
        except Exception as error:
            self.failure = error

    def _attempt(self) -> None:
        """One step, repeated until it succeeds. Each loss of the server starts with the shortest wait again."""
        pauses = delays(self._rng)
        lost = False
        while not self._stop.is_set():
            try:
                self._step()
            except TransportError as error:
                if not lost:
                    log.warning("%s Trying again until it is back.", error)
                    self._on_loss()
                lost = True
                self._stop.wait(next(pauses))
                continue
            if lost:
                log.warning("The server is back.")
                self._on_reconnect()
            return


class BackgroundWorker(ABC):
    """A part of a process with a thread of its own. Its owner prepares, starts, checks, stops and closes it."""

    _thread: RetryingThread

    def prepare(self) -> None:  # noqa: B027 - most workers have nothing to prepare
        """Called once, before its owner writes anything to the server."""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def check(self) -> None:
        """Raise what ended the thread, if anything did."""
        self._thread.check()

    def stop(self) -> None:
        """Ask the thread to end after its current step."""
        self._thread.stop()

    @abstractmethod
    def close(self) -> None:
        """Stop, wait for the thread, and finish what is left to do."""


def check_all(workers: Sequence[BackgroundWorker]) -> None:
    """Raise what ended the thread of one of these, if anything did."""
    for worker in workers:
        worker.check()


def close_all(workers: Sequence[BackgroundWorker]) -> None:
    """Close the workers, the last one first. Each is stopped and closed, whatever the others raise."""
    with ExitStack() as stack:
        for worker in workers:
            stack.callback(close_quietly, worker.close)
        # All are asked to stop before any is waited for, so that their waits overlap.
        for worker in workers:
            stack.callback(worker.stop)


def close_quietly(close: Callable[[], None]) -> None:
    """Call `close`, and log a SoulsAIError instead of raising it: while we stop, the server may be away."""
    try:
        close()
    except SoulsAIError as error:
        log.warning("While stopping: %s", error)
