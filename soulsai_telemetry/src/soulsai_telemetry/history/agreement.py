"""The score on which several contributors agree, so that none of them alone decides which model is the best."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass

_ACTIVE = 600.0
"""Seconds after its last episode for which a contributor's mean counts.

By time, since one who invents episodes can report more of them than all others together.
"""

_SHARE = 5
"""A mean counts from a fifth of the window on."""

_MAX_GROUPS = 256


@dataclass(slots=True)
class _Group:
    """The last values of one contributor."""

    values: deque[float]
    last: float = 0.0


class Agreement:
    """The median over the contributors' means; of an even number of them the worse of the middle two. The host's own
    clients count as one. With a single contributor the score is its mean.

    Of three or more, one can move the score no further than the others' means go. Of two, one can only lower it.

    Args:
        window: number of last values in each mean.
        mode: "max" or "min", whether a higher or a lower score is better.
    """

    def __init__(self, window: int, mode: str) -> None:
        self._window = window
        self._median = statistics.median_low if mode == "max" else statistics.median_high
        self._groups: dict[str, _Group] = {}
        self._time = 0.0

    def add(self, client: str, value: float, time: float) -> None:
        """Take in the value of a client's episode that was reported at `time`, in seconds."""
        name, at, _ = client.partition("@")
        contributor = name if at else ""
        group = self._groups.pop(contributor, None) or _Group(deque(maxlen=self._window))
        self._groups[contributor] = group  # to the end: the first is then the one silent for longest
        group.values.append(value)
        group.last = self._time = time
        if len(self._groups) > _MAX_GROUPS:
            del self._groups[next(iter(self._groups))]

    @property
    def score(self) -> float | None:
        """None before any contributor has values enough."""
        least = max(self._window // _SHARE, 1)
        active = [group for group in self._groups.values() if self._time - group.last <= _ACTIVE]
        means = [sum(group.values) / len(group.values) for group in active if len(group.values) >= least]
        return self._median(means) if means else None
