"""Names calls of plugins that take long, in the log and as a sentence. They are never ended."""

from __future__ import annotations

import logging
import sys
import sysconfig
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import FrameType

log = logging.getLogger(__name__)

FIRST = 5.0
"""Seconds after which a call is named for the first time: a plugin that hangs usually does so from the beginning."""

LONG = 30.0
"""Seconds after which later calls of the same method are named: that it takes seconds is known by then."""

OWNER = "soulsai_owner"
"""Attribute of an environment's class with the name of the plugin that it is of, such as a wrapper. Its calls are too
many to be noted one by one: the stack of the thread tells whether it is one of them that takes long."""

_INNERMOST: ContextVar[RunningCall | None] = ContextVar("innermost call of a plugin", default=None)
_LIBRARY = Path(sysconfig.get_path("stdlib"))


class RunningCall:
    """The call of one object's methods that is running now.

    The thread that calls writes `now`; another thread may read it. Both are single operations, so there is no lock.

    Args:
        owner: name of the plugin, as in `Checker`.
        clock: monotonic seconds.

    Attributes:
        now: the method and the time at which it was called; None between calls. Each call has a new pair, so that two
            calls are told apart by identity.
        inner: the last call of another plugin that was made within a call of this one.
        thread: the thread of the last call that was made with `calling`.
    """

    __slots__ = ("__weakref__", "clock", "inner", "now", "owner", "thread")

    def __init__(self, owner: str, clock: Callable[[], float]) -> None:
        self.owner = owner
        self.clock = clock
        self.now: tuple[str, float] | None = None
        self.inner: RunningCall | None = None
        self.thread = 0

    def calling(self, method: str) -> _Calling:
        """A block that is the call of this method."""
        return _Calling(self, method)


class _Calling:
    """Notes that a method runs while the block does. A class, since a generator would take twice as long."""

    __slots__ = ("_method", "_running", "_token")

    def __init__(self, running: RunningCall, method: str) -> None:
        self._running = running
        self._method = method

    def __enter__(self) -> None:
        running = self._running
        outer = _INNERMOST.get()
        if outer is not None:
            outer.inner = running
        self._token = _INNERMOST.set(running)
        running.inner = None
        running.thread = threading.get_ident()
        running.now = (self._method, running.clock())

    def __exit__(self, *_: object) -> None:
        self._running.now = None
        _INNERMOST.reset(self._token)


class LongCalls:
    """Finds out which call takes long and, once it has returned, how long it took.

    Args:
        clock: monotonic seconds, for the calls that are added here.
        first, later: seconds after which the first long call of a method is named, and the others. They count from the
            last import of a module: the first call of many plugins imports a large library, which takes long on a busy
            machine and does not hang as long as modules come.
        imported: gives the number of modules that are imported.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        first: float = FIRST,
        later: float = LONG,
        imported: Callable[[], int] = lambda: len(sys.modules),
    ) -> None:
        self._clock = clock
        self._first = first
        self._later = later
        self._imported = imported
        self._modules = imported()
        self._modules_came = clock()
        # Any thread may look, and a long call must be named once, not once by each.
        self._lock = threading.Lock()
        # Weak: each start of an environment makes another one.
        self._watched: weakref.WeakSet[RunningCall] = weakref.WeakSet()
        self._named: dict[RunningCall, tuple[str, float]] = {}
        self._times: Counter[tuple[str, str]] = Counter()

    def running(self, owner: str) -> RunningCall:
        """What notes the calls of one object of this plugin. It is looked at from now on, as long as it is kept."""
        running = RunningCall(owner, self._clock)
        with self._lock:
            self._watched.add(running)
        return running

    def look(self) -> str:
        """A sentence about the call that takes long now, "" if none does. Call this often, from any thread.

        The first long call of a method is logged, and then its 2nd, 4th, 8th, ... one.
        """
        with self._lock:
            self._look_at_imports()
            for running, call in list(self._named.items()):
                self._log_if_over(running, call)
            sentences = [sentence for running in list(self._watched) if (sentence := self._sentence(running))]
        return sentences[0] if sentences else ""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While the block runs, a thread looks: a plugin may hang before there is anything that would look."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(min(self._first / 4, 0.5)):
                self.look()

        # A daemon: what hangs must not keep the process from ending.
        threading.Thread(target=watch, name="long-calls", daemon=True).start()
        try:
            yield
        finally:
            ended.set()

    def _look_at_imports(self) -> None:
        modules = self._imported()
        if modules != self._modules:
            self._modules = modules
            self._modules_came = self._clock()

    def _sentence(self, running: RunningCall) -> str:
        call = running.now
        if call is None:
            return ""
        inner = running.inner
        if inner is not None and inner.now is not None:  # a plugin within a plugin, such as a network, is named itself
            return self._sentence(inner)
        method, since = call
        now = running.clock()
        seconds = now - since
        is_named = self._named.get(running) is call
        known = self._times[running.owner, method] > is_named
        # One that is named already stays named, whatever another thread imports.
        silent = seconds if is_named else now - max(since, self._modules_came)
        if silent <= (self._later if known else self._first):
            return ""
        sentence = (
            f"{running.owner} is slow: {method} has been running for {seconds:.0f} s{_place(running.thread)}. Waiting "
            "for it; end the program if it hangs."
        )
        if self._named.get(running) is not call:
            self._named[running] = call
            self._times[running.owner, method] += 1
            if self._is_logged(running, method):
                log.warning("%s", sentence)
        return sentence

    def _is_logged(self, running: RunningCall, method: str) -> bool:
        return self._times[running.owner, method].bit_count() == 1

    def _log_if_over(self, running: RunningCall, call: tuple[str, float]) -> None:
        if running.now is call:
            return
        method, since = call
        del self._named[running]
        if self._is_logged(running, method):
            times = self._times[running.owner, method]
            often = f" That was the {times}th long call of it." if times > 2 else ""
            log.warning("%s was slow: %s took %.0f s.%s", running.owner, method, running.clock() - since, often)


def _place(thread: int) -> str:
    """Where a thread is, as part of a sentence: the innermost line that is not of Python's own library."""
    innermost: FrameType | None = sys._current_frames().get(thread)
    frame = innermost
    while frame is not None and _is_library(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is None:
        return ""
    return f", now in {Path(frame.f_code.co_filename).name} line {frame.f_lineno}{_wrapper(innermost)}"


def _wrapper(frame: FrameType | None) -> str:
    """The wrapper in which a thread is, as part of a sentence; "" if it is in what the wrapper is around."""
    while frame is not None:
        kind = type(frame.f_locals.get("self"))
        if hasattr(kind, "reset") and hasattr(kind, "step"):  # the innermost environment
            owner = getattr(kind, OWNER, "")
            return f" in {owner[:1].lower()}{owner[1:]}" if owner else ""
        frame = frame.f_back
    return ""


def _is_library(file: str) -> bool:
    path = Path(file)
    in_library = _LIBRARY in path.parents and "site-packages" not in path.parts
    return in_library or not path.is_absolute() or file == __file__
