"""Observers receive the events of a node. One that is slow, hangs or raises is named in the log, and disturbs neither
the node nor the others."""

from __future__ import annotations

import contextlib
import inspect
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import pluggy

from soulsai_core.errors import PluginError
from soulsai_core.hookspecs import PROJECT, HookSpecs

log = logging.getLogger(__name__)


class Observers:
    """Registers observers, such as connectors, and calls each of them in a thread of its own.

    Args:
        capacity: events that may wait for one observer. Further ones are dropped for it, counted and logged.
        specs: a class whose methods, marked with `hookspec`, are the events.
    """

    def __init__(self, capacity: int = 10_000, specs: type = HookSpecs) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(specs)
        self._capacity = capacity
        self._mailboxes: list[_Mailbox] = []

    def register(self, name: str, observer: object) -> None:
        """Add one observer.

        Raises PluginError for a class instead of an instance, for a method that fits no event, and for a hook wrapper:
        pluggy runs wrappers around all observers, which here run in different threads.
        """
        if inspect.isclass(observer):
            raise PluginError(f"Connector {name} gave the class {observer.__name__}; it must return an instance of it.")
        try:
            # With a number, because pluggy refuses a name twice, and a connector may be configured twice.
            self._manager.register(observer, f"{name} #{len(self._mailboxes) + 1}")
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise PluginError(f"Connector {name} does not fit the hooks: {error}") from error
        methods = self._methods(observer)
        for event, method in methods.items():
            if method.wrapper or method.hookwrapper:
                raise PluginError(
                    f"Connector {name} wants to wrap {event}; hooks only report, so there is nothing to wrap."
                )
        self._mailboxes.append(_Mailbox(name, observer, methods, self._capacity))

    def _methods(self, observer: object) -> dict[str, pluggy.HookImpl]:
        """The observer's methods by event."""
        callers = self._manager.get_hookcallers(observer) or []
        return {c.name: impl for c in callers for impl in c.get_hookimpls() if impl.plugin is observer}

    def emit(self, event: str, **arguments: Any) -> None:
        """Put an event into the queue of each observer. Does not wait for them."""
        for mailbox in self._mailboxes:
            mailbox.put(event, arguments)

    def dropped(self) -> dict[str, int]:
        """Observer -> number of events that were dropped because it was too slow."""
        return {mailbox.name: mailbox.dropped for mailbox in self._mailboxes if mailbox.dropped}

    def close(self, timeout: float = 5.0) -> None:
        """Let the observers process what still waits, `timeout` seconds at most in all, and close them."""
        deadline = time.monotonic() + timeout
        # All are asked to finish before any is waited for, so that they share one time-out.
        for mailbox in self._mailboxes:
            mailbox.finish()
        for mailbox in self._mailboxes:
            mailbox.join(max(deadline - time.monotonic(), 0.0))
        self._mailboxes.clear()


class _Mailbox:
    """One observer's queue and thread."""

    def __init__(self, name: str, observer: object, methods: dict[str, pluggy.HookImpl], capacity: int) -> None:
        self.name = name
        self.dropped = 0
        self._observer = observer
        self._methods = methods
        self._queue: queue.Queue[tuple[str, dict[str, Any]] | None] = queue.Queue(capacity)
        self._thread = threading.Thread(target=self._work, name=f"observer-{name}", daemon=True)
        self._thread.start()

    def put(self, event: str, arguments: dict[str, Any]) -> None:
        if event not in self._methods:
            return
        try:
            self._queue.put_nowait((event, arguments))
        except queue.Full:
            self.dropped += 1
            # Logged at 1, 2, 4, 8, ... dropped events: an observer that hangs must not fill the log.
            if self.dropped.bit_count() == 1:
                log.warning("Connector %s is too slow: %d events were dropped for it.", self.name, self.dropped)

    def finish(self) -> None:
        """Close the observer after what waits. In a full queue the oldest event is dropped to make room for the end."""
        while True:
            try:
                self._queue.put_nowait(None)
                return
            except queue.Full:
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        with contextlib.suppress(queue.Empty):
            self._queue.get_nowait()
            self.dropped += 1

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)
        if self._thread.is_alive():
            log.warning("Connector %s did not finish in time and is left behind.", self.name)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            self._call(*item)
        close = getattr(self._observer, "close", None)
        if callable(close):
            self._guard("close", close)

    def _call(self, event: str, arguments: dict[str, Any]) -> None:
        impl = self._methods[event]
        self._guard(event, lambda: impl.function(*(arguments[name] for name in impl.argnames)))

    def _guard(self, what: str, call: Callable[[], object]) -> None:
        try:
            call()
        except BaseException:  # even SystemExit: it would end this thread, and with it all further events
            log.exception("Connector %s raised in %s; training goes on.", self.name, what)
