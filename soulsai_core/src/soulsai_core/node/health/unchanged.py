"""Finds clients whose observations do not change, although they go on making steps: a game that shows one picture for
ever, behind a window that still answers."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from soulsai_core.node.status.node_status import Unchanged
from soulsai_core.steps import END, STREAM, End, StepBatch

_MAX_CLIENTS = 1024
"""Clients that are known. The one that was heard of first is forgotten for one more."""

_ENDS = (int(End.TERMINATED), int(End.TRUNCATED))


class _Client:
    """The newest observation of a client, since when it is the same, and in how many rows."""

    def __init__(self, newest: list[bytes], now: float) -> None:
        self.newest = newest
        self.since = now
        self.rows = 0
        self.longest = 0.0


class UnchangedObservations:
    """Looks at three rows of each message, which is enough over many messages. `received` is called by one thread;
    `of` by any.

    Only clients with one environment are looked at: several never show the same.

    Args:
        names: of the observations among the columns.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = tuple(names)
        self._clients: dict[str, _Client] = {}

    def received(self, client: str, steps: StepBatch, now: float) -> None:
        """Take in a message that came at `now`, in monotonic seconds."""
        columns = [steps.columns[name] for name in self._names if name in steps.columns]
        if not columns or not len(steps):
            return
        known = self._clients.get(client)
        newest = [column[-1].tobytes() for column in columns]
        if known is None:
            if len(self._clients) >= _MAX_CLIENTS:
                del self._clients[next(iter(self._clients))]
            self._clients[client] = _Client(newest, now)
        # Nearly always the newest rows differ, and nothing else is looked at.
        elif newest == known.newest and _is_constant(newest, columns) and _goes_on(steps):
            known.rows += len(steps)
        else:
            known.longest = max(known.longest, now - known.since)
            known.newest = newest
            known.since = now
            known.rows = 0

    def of(self, client: str, now: float) -> Unchanged:
        """For how long the client's observations have been the same at `now`."""
        known = self._clients.get(client)
        return Unchanged() if known is None else Unchanged(known.rows, now - known.since, known.longest)


def _goes_on(steps: StepBatch) -> bool:
    """Whether all rows are of one stream, and no episode ends in them: one that ends is no frozen game."""
    table = steps.segments.tolist()
    return all(segment[STREAM] == table[0][STREAM] and segment[END] not in _ENDS for segment in table)


def _is_constant(newest: list[bytes], columns: list[np.ndarray]) -> bool:
    """Whether the first and the middle row are like the newest one, the last row."""
    rows = len(columns[0])
    others = {0, rows // 2} - {rows - 1}
    return all(column[row].tobytes() == last for last, column in zip(newest, columns, strict=True) for row in others)
