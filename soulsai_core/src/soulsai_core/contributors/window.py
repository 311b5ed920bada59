"""The window, enforced: rows of a contributor's clients that may be on their way in the run's own sample stream.

A client keeps the window by itself. One that does not would take the learner's time, and make the rows of others stale.
All clients of one contributor together are held to one window, so that many names give no larger share.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

import msgspec

from soulsai_core.messages import Progress, contributor_of
from soulsai_core.wire import Header

_MEMORY = 5.0
"""Seconds for which the largest window counts: it shrinks when clients join, while rows are on their way."""

_BEGIN_AGAIN_INTERVAL = 0.4
"""Seconds from one time to the next that a client may send again what it has sent."""

_SILENCE = 30.0
"""Seconds of silence after which the rows of a client do not count any more: its messages were lost."""

_MAX_CLIENTS = 10_000
"""Clients that are remembered. One that is forgotten may send its last message once more, which the node recognizes."""


class _Client:
    """What was delivered of one client: its last message, (number, rows) of those that were not taken in yet, and how
    often and when it began again with its oldest message."""

    __slots__ = ("attempt", "began_again", "heard", "last", "rows", "under_way")

    def __init__(self) -> None:
        self.last = 0
        self.heard = 0.0
        self.rows = 0
        self.under_way: deque[tuple[int, int]] = deque()
        self.attempt = 0
        self.began_again = -math.inf

    def begin_again(self, number: int, attempt: int, now: float) -> None:
        """It sends again from this message on. What was delivered before is lost, or will be recognized by the node."""
        self.attempt = attempt
        self.began_again = now
        self.last = min(self.last, number - 1)
        while self.under_way and self.under_way[-1][0] >= number:
            self.rows -= self.under_way.pop()[1]


class WindowLimit:
    """Counts rows that were delivered against the window in the node's newest progress, as the clients do.

    Args:
        max_environments: rows that a client may always have on their way, since its time steps are never split.
        max_clients: clients of one contributor for which that holds.
        read_progress: the newest progress that was published, as clients read it. It is asked for after messages were
            read, so it is as new as what their senders knew.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        max_environments: int,
        max_clients: int,
        read_progress: Callable[[], bytes | None],
        clock: Callable[[], float],
    ) -> None:
        self._max_environments = max_environments
        self._max_clients = max_clients
        self._read_progress = read_progress
        self._clock = clock
        self._clients: dict[str, _Client] = {}
        self._accepted: list[tuple[str, int, int]] = []
        self._under_way: dict[str, tuple[int, int]] = {}
        self._windows: deque[tuple[float, int]] = deque()
        self._sums: dict[str, tuple[float, int]] = {}
        self._node = ""
        self._payload: bytes | None = None

    def begin(self) -> None:
        """Read the progress. What was accepted before and not delivered is forgotten: it will be read again."""
        self._accepted.clear()
        payload = self._read_progress()
        if payload is None or payload == self._payload:
            return
        self._payload = payload
        progress = msgspec.msgpack.decode(payload, type=Progress)
        if progress.node != self._node:
            # Another node, or the server was emptied: what was on its way is lost.
            self._node = progress.node
            self._clients.clear()
        now = self._clock()
        while self._windows and (now - self._windows[0][0] > _MEMORY or self._windows[0][1] <= progress.window):
            self._windows.popleft()
        self._windows.append((now, progress.window))
        self._note_sums(progress, now)
        for name, client in self._clients.items():
            # All of them, once it is silent: the node may have forgotten it, and acknowledges nothing.
            silent = now - client.heard > _SILENCE
            _take_in(client, client.last if silent else progress.acked.get(name, 0))
        self._sum_up()

    def reject(self, header: Header) -> str | None:
        """The reason why a message is rejected, "repeated" or "window". One that is not is counted with `delivered`."""
        client = self._clients.get(header.client) or _Client()
        now = self._clock()
        # Not more often than a client does: it costs the node little, but not nothing.
        if header.attempt > client.attempt and now - client.began_again >= _BEGIN_AGAIN_INTERVAL:
            client.begin_again(header.number, header.attempt, now)
            self._accepted = [item for item in self._accepted if item[0] != header.client]
            self._sum_up()
        new = [number for name, number, _ in self._accepted if name == header.client]
        if header.number <= max(client.last, max(new, default=0)):
            return "repeated"
        # Before the first progress no client can have begun; its messages are judged by those who wrote them.
        if self._payload is not None and not self._has_room(header, client):
            return "window"
        self._accepted.append((header.client, header.number, header.rows))
        return None

    def _has_room(self, header: Header, client: _Client) -> bool:
        """Whether the rows fit what this client may have on its way, and all of its contributor together."""
        contributor = contributor_of(header.client)
        new = [(name, rows) for name, _, rows in self._accepted if contributor_of(name) == contributor]
        own = header.rows + client.rows + sum(rows for name, rows in new if name == header.client)
        clients, rows = self._under_way.get(contributor, (0, 0))
        clients = min(clients + 1, self._max_clients)
        largest = max(window for _, window in self._windows)
        _, together = self._sums.get(contributor, (0.0, 0))
        if own > max(self._max_environments, largest):
            return False
        all_rows = rows + header.rows + sum(rows for _, rows in new)
        return all_rows <= max(self._max_environments * clients, largest, together)

    def delivered(self) -> None:
        """What was accepted is on its way now."""
        for name, number, rows in self._accepted:
            client = self._clients.setdefault(name, _Client())
            client.last = number
            client.heard = self._clock()
            client.rows += rows
            client.under_way.append((number, rows))
        self._accepted.clear()
        self._sum_up()
        while len(self._clients) > _MAX_CLIENTS:
            del self._clients[next(iter(self._clients))]

    def _note_sums(self, progress: Progress, now: float) -> None:
        """What the clients of each contributor that the node knows may have on their way together. As for the window,
        the largest of the last seconds counts."""
        found: dict[str, int] = {}
        for name, window in progress.windows.items():
            contributor = contributor_of(name)
            found[contributor] = found.get(contributor, 0) + window
        kept = {name: (then, rows) for name, (then, rows) in self._sums.items() if now - then <= _MEMORY}
        for name, rows in found.items():
            if name not in kept or kept[name][1] <= rows:
                kept[name] = (now, rows)
        self._sums = kept

    def _sum_up(self) -> None:
        """Count the clients of each contributor that have rows on their way, and these rows."""
        found: dict[str, tuple[int, int]] = {}
        for name, client in self._clients.items():
            if client.rows:
                contributor = contributor_of(name)
                clients, rows = found.get(contributor, (0, 0))
                found[contributor] = (clients + 1, rows + client.rows)
        self._under_way = found


def _take_in(client: _Client, number: int) -> None:
    """The node has taken in the client's messages up to this one."""
    while client.under_way and client.under_way[0][0] <= number:
        client.rows -= client.under_way.popleft()[1]
