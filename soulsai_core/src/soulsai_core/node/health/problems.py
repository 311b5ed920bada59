"""What the node itself fails to do, or waits for, until it is over."""

from __future__ import annotations

import threading
from collections.abc import Callable

from soulsai_core.node.status.node_status import Problem


class Problems:
    """The problems there are now. Any thread may report one.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # Replaced as a whole: other threads read it.
        self._now: dict[str, tuple[float, str]] = {}

    def note(self, name: str, sentence: str | None) -> None:
        """There is this problem now; None or "": it is over, or there is none."""
        with self._lock:
            if not sentence:
                self._now = {other: problem for other, problem in self._now.items() if other != name}
            else:
                since = self._now[name][0] if name in self._now else self._clock()
                self._now = {**self._now, name: (since, sentence)}

    def all(self) -> tuple[Problem, ...]:
        """The problems, with the seconds since each began."""
        now = self._clock()
        return tuple(Problem(name, sentence, now - since) for name, (since, sentence) in self._now.items())
