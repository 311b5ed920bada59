"""Observers receive the events of a node. One that is slow, hangs or raises is named in the log, and disturbs neither
the node nor the others."""

from __future__ import annotations

import contextlib
import inspect
import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import pluggy

from soulsai_core.errors import PluginError, SoulsAIError
from soulsai_core.hooks.hookspecs import PROJECT, HookSpecs
from soulsai_core.plugins.checks import CheckedConnector

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
        self._receivers: list[_Receiver] = []

    def register(self, name: str, observer: object, *, at_once: bool = False) -> None:
        """Add one observer.

        Args:
            at_once: it is called in the thread that emits: for a part of the node that only counts, in less time than
                an event takes to get into another thread.

        Raises PluginError for a class instead of an instance, for a method that fits no event, and for a hook wrapper:
        pluggy runs wrappers around all observers, which here run in different threads.
        """
        owner = self.check(name, observer)
        # With a number, because pluggy refuses a name twice, and a connector may be configured twice.
        self._manager.register(observer, f"{name} #{len(self._receivers) + 1}")
        parts = (name, owner, observer, self._methods(observer))
        self._receivers.append(_Receiver(*parts) if at_once else _Mailbox(*parts, self._capacity))

    def check(self, name: str, observer: object) -> str:
        """The observer's name for sentences. Raises PluginError for what cannot be registered."""
        owner = observer.owner if isinstance(observer, CheckedConnector) else f"The connector {name!r}"
        if inspect.isclass(observer):
            raise PluginError(f"{owner} gave the class {observer.__name__}; it must return an instance of it.")
        flaw = self._flaw(observer)
        if flaw:
            raise PluginError(f"{owner} does not fit the hooks: {flaw}.")
        return owner

    def _flaw(self, observer: object) -> str | None:
        """Why the marked methods of an observer cannot be called, with what it may have meant; None if they can."""
        for name in dir(observer):
            options = self._manager.parse_hookimpl_opts(observer, name)
            if options is None:
                continue
            caller = getattr(self._manager.hook, name, None)
            if caller is None:
                known = [
                    event for event, hook in vars(self._manager.hook).items() if isinstance(hook, pluggy.HookCaller)
                ]
                near = get_close_matches(name, known, n=1) or [", ".join(known)]
                return f"there is no hook {name}; did you mean {near[0]}?"
            if options["wrapper"] or options["hookwrapper"]:
                return f"it wants to wrap {name}; hooks only report, so there is nothing to wrap"
            offered = caller.spec.argnames
            wanted = pluggy.HookImpl(observer, name, getattr(observer, name), options).argnames
            unknown = [word for word in wanted if word not in offered]
            if unknown:
                return f"{name} wants {', '.join(unknown)}, and can have {', '.join(offered)}"
        return None

    def _methods(self, observer: object) -> dict[str, pluggy.HookImpl]:
        """The observer's methods by event."""
        callers = self._manager.get_hookcallers(observer) or []
        return {c.name: impl for c in callers for impl in c.get_hookimpls() if impl.plugin is observer}

    def emit(self, event: str, **arguments: Any) -> None:
        """Give an event to each observer. Does not wait for those that have a thread of their own."""
        for receiver in self._receivers:
            receiver.put(event, arguments)

    def dropped(self) -> dict[str, int]:
        """Observer -> number of events that were dropped because it was too slow."""
        return {receiver.name: receiver.dropped for receiver in self._receivers if receiver.dropped}

    def close(self, timeout: float = 5.0) -> None:
        """Let the observers process what still waits, `timeout` seconds at most in all, and close them."""
        deadline = time.monotonic() + timeout
        # All are asked to finish before any is waited for, so that they share one time-out.
        for receiver in self._receivers:
            receiver.finish()
        for receiver in self._receivers:
            receiver.join(max(deadline - time.monotonic(), 0.0))
        self._receivers.clear()


class _Receiver:
    """One observer, which is called in the thread that emits."""

    _caught: type[BaseException] = Exception

    def __init__(self, name: str, owner: str, observer: object, methods: dict[str, pluggy.HookImpl]) -> None:
        self.name = name
        self.dropped = 0
        self._owner = owner
        self._failures: Counter[str] = Counter()
        self._observer = observer
        self._methods = methods

    def put(self, event: str, arguments: dict[str, Any]) -> None:
        if event in self._methods:
            self._call(event, arguments)

    def finish(self) -> None:
        """Close the observer."""
        close = getattr(self._observer, "close", None)
        if callable(close):
            self._guard("close", close)

    def join(self, timeout: float) -> None:
        """Wait until it is closed, `timeout` seconds at most."""

    def _call(self, event: str, arguments: dict[str, Any]) -> None:
        impl = self._methods[event]
        self._guard(event, impl.function, *[arguments[name] for name in impl.argnames])

    def _guard(self, what: str, call: Callable[..., object], *arguments: Any) -> None:
        try:
            call(*arguments)
        except self._caught as error:
            self._log(what, error)

    def _log(self, what: str, error: BaseException) -> None:
        """Log an error at its 1st, 2nd, 4th, 8th, ... time; an unchecked observer's with the traceback once."""
        checked = isinstance(error, SoulsAIError)
        sentence = str(error) if checked else f"{self._owner} raised {type(error).__name__} in {what}: {error}"
        kind = f"{type(error.__cause__ or error).__name__} in {what}"  # without its text, which may vary
        self._failures[kind] += 1
        times = self._failures[kind]
        if times.bit_count() == 1:
            often = f" ({times} times so far)" if times > 1 else ""
            log.error("%s The training goes on.%s", sentence, often, exc_info=None if checked or times > 1 else error)


class _Mailbox(_Receiver):
    """One observer with a queue and a thread."""

    _caught = BaseException  # even SystemExit: it would end the thread, and with it all further events

    def __init__(
        self, name: str, owner: str, observer: object, methods: dict[str, pluggy.HookImpl], capacity: int
    ) -> None:
        super().__init__(name, owner, observer, methods)
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
                log.warning("%s is too slow: %d events were dropped for it.", self._owner, self.dropped)

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
            log.warning("%s did not finish in time and is left behind.", self._owner)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            self._call(*item)
        super().finish()
