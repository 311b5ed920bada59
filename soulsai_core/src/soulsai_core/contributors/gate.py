"""The gate: messages of contributors are inspected, limited and moved into the run's own streams.

What a contributor sends waits in an inbox of its own, so that a flood fills no one else's. The gate reads the inboxes
in turn, a few messages of each, and lets them wait while the node has much to do.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterable
from itertools import chain, zip_longest

from soulsai_core.config import TrainingSettings
from soulsai_core.contributors.connections import CROWD, excess_of_strangers
from soulsai_core.contributors.contributor import Contributor
from soulsai_core.contributors.inbox import EPISODE, Delivery, Inboxes, InboxSize, Message
from soulsai_core.contributors.statistics import ContributorStatistics
from soulsai_core.contributors.window import WindowLimit
from soulsai_core.threads import BackgroundWorker, RetryingThread

log = logging.getLogger(__name__)

_UPDATE_INTERVAL = 1.0
"""Seconds between two looks at who is invited; statistics are written as often."""

_SIZE_INTERVAL = 0.05
"""Seconds between two measurements of what waits in the inboxes."""

_CONNECTIONS_INTERVAL = 0.1
_LONGEST_CONNECTIONS_INTERVAL = 0.25
"""Seconds between two looks at the connections: the memory that they take may grow by hundreds of megabytes a second
meanwhile. With thousands of connections a look takes longer, and there are fewer."""

_CONNECTIONS_SHARE = 0.1
"""Share of the time for these looks, about."""

_READ_TIMEOUT = 0.05
"""Seconds that one read waits for messages. The looks at the connections wait for it."""

_MESSAGES = 32
"""Messages that are read of each contributor at a time."""


_READ_BYTES = 64 * 2**20
"""Bytes that may wait in all inboxes of one read together."""

_MAX_FIELDS = 16
"""Fields of an entry beyond which it is no mistake. It has one; to read a million takes long."""


class Gate(BackgroundWorker):
    """Moves the messages of contributors in a thread of its own.

    Args:
        run_id: of the running training.
        statistics: of the contributors.
        count_rejected: called with (contributor, reason, number of messages) for what the gate rejects.
        clock: monotonic seconds.
        max_environments: of one client. Contributors are held to the window, but for one time step of as many
            environments; None: they are not, since clients are told to drop rows instead of waiting.
    """

    def __init__(
        self,
        inboxes: Inboxes,
        run_id: str,
        settings: TrainingSettings,
        statistics: ContributorStatistics,
        count_rejected: Callable[[str, str, int], None],
        clock: Callable[[], float],
        rng: random.Random,
        max_environments: int | None = None,
    ) -> None:
        self._inboxes = inboxes
        self._run_id = run_id
        self._limits = settings.contributors
        self._client_timeout = settings.client_timeout_s
        self._statistics = statistics
        self._count_rejected = count_rejected
        self._clock = clock
        self._window: WindowLimit | None = None
        if max_environments is not None:
            self._window = WindowLimit(max_environments, self._limits.max_clients, inboxes.read_progress, clock)
        self._contributors: dict[str, Contributor] = {}
        self._next_update = clock()
        self._next_size = clock()
        self._next_look = clock()
        self._strangers_cut = 0
        self._connections_are_hidden = False
        self._sizes: dict[str, InboxSize] = {}
        self._turn = 0
        self._node_is_behind = False
        self._stopped = threading.Event()
        self._server_was_lost = False
        self._thread = RetryingThread("gate", self._step, rng, on_loss=self._note_loss)

    def prepare(self) -> None:
        """Discard floods of the time without a node, and end suspensions that an earlier node did not live to end."""
        self._update_contributors()
        for name in self._contributors:
            self._inboxes.restore(name)
        if self._contributors:
            self._measure()

    def stop(self) -> None:
        super().stop()
        self._stopped.set()

    def close(self) -> None:
        """Stop, and save the statistics."""
        self.stop()
        self._thread.join(_READ_TIMEOUT + 2.0)
        self._write_statistics()

    def _note_loss(self) -> None:
        self._server_was_lost = True

    def _switch_users(self) -> None:
        """The server was away. If it was started again, its users are those of its file, in which none may be suspended
        now, or one whose suspension is over."""
        now = self._clock()
        for name, contributor in self._contributors.items():
            (self._inboxes.suspend if contributor.is_suspended(now) else self._inboxes.restore)(name)
        self._server_was_lost = False

    def _step(self) -> None:
        if self._server_was_lost:
            self._switch_users()
        now = self._clock()
        if now >= self._next_update:
            self._next_update = now + _UPDATE_INTERVAL
            self._update_contributors()
            self._write_statistics()
        if now >= self._next_look:
            self._limit_connections()
            pause = (self._clock() - now) / _CONNECTIONS_SHARE
            self._next_look = now + min(max(pause, _CONNECTIONS_INTERVAL), _LONGEST_CONNECTIONS_INTERVAL)
        names = [name for name, contributor in self._contributors.items() if not contributor.is_suspended(now)]
        if not names:
            self._stopped.wait(_CONNECTIONS_INTERVAL)
            return
        if now >= self._next_size:
            self._next_size = now + _SIZE_INTERVAL
            self._measure()
        if self._node_is_behind:
            self._stopped.wait(_SIZE_INTERVAL)
        else:
            some, count = self._next_read(names)
            self._admit(self._inboxes.read(some, count, _READ_TIMEOUT))

    def _next_read(self, names: list[str]) -> tuple[list[str], int]:
        """Whose messages are read next, and how many of each, so that the answer has a bounded size: else the server
        would cut the connection. What waits in one inbox is within the bound, or is discarded as a flood.

        Returns: as many of the names as the bound allows, each time beginning with another one.
        """
        self._turn += 1
        start = self._turn % len(names)
        some: list[str] = []
        total = 0
        largest = 1
        for name in names[start:] + names[:start]:
            size = self._sizes.get(name, InboxSize(0, 0))
            total += size.bytes
            if some and total > _READ_BYTES:
                break
            some.append(name)
            # The mean of the inbox: not exact, but an inbox has no more than its bytes.
            largest = max(largest, size.bytes // max(size.entries, 1))
        return some, max(1, min(_MESSAGES, _READ_BYTES // 4 // largest))

    def _update_contributors(self) -> None:
        """Follow who is invited, and end suspensions that are over."""
        now = self._clock()
        self._contributors = {
            name: self._contributors.get(name) or self._new_contributor(name, now)
            for name in self._inboxes.contributors()
        }
        for name, contributor in self._contributors.items():
            self._statistics.add(name)
            self._statistics.add_client_seconds(name, contributor.take_client_seconds(now))
            if contributor.take_excess():
                self._stop_flood(name)
            if contributor.suspension_is_over(now):
                self._inboxes.restore(name)  # first: if the server is away now, it is tried again
                contributor.end_suspension()
                log.info("The contributor %s may connect again.", name)

    def _new_contributor(self, name: str, now: float) -> Contributor:
        return Contributor(name, self._run_id, self._limits, self._client_timeout, now, self._window)

    def _measure(self) -> None:
        main, sizes = self._inboxes.size(list(self._contributors))
        self._sizes = dict(sizes)
        # Only a quarter of the run's own stream is filled: beyond its bound, what is delivered would push out what
        # others sent, and the clients with the server's own password append to it without asking the gate.
        limits = self._inboxes.limits
        self._node_is_behind = main.entries > limits.max_entries // 4 or main.bytes > limits.max_bytes // 4
        max_bytes = self._limits.max_backlog_mb * 2**20
        for name, size in sizes.items():
            if size.entries > self._limits.max_backlog_entries or size.bytes > max_bytes:
                self._stop_flood(name)

    def _limit_connections(self) -> None:
        """Cut the connections of contributors beyond their limits, and those that do not authenticate."""
        found = self._inboxes.connections()
        if found is None:
            self._warn_of_hidden_connections()
            return
        now = self._clock()
        if not found.contributors.keys() <= self._contributors.keys():
            self._update_contributors()  # one was invited a moment ago
        for name, connections in found.contributors.items():
            contributor = self._contributors.get(name)
            if contributor is None or not (wrong := contributor.connections.excess(connections)):
                continue
            suspended = contributor.connections.flooded(connections) or contributor.connections.repeated(now)
            consequence = self._suspend(name) if suspended else ""
            self._inboxes.cut(wrong)
            self._reject(name, "connections", len(wrong))
            log.warning(
                "Of %d connections of the contributor %s, %d were cut%s.",
                len(connections), name, len(wrong), consequence,
            )  # fmt: skip
        if strangers := excess_of_strangers(found.strangers):
            if len(found.strangers) > CROWD:
                self._inboxes.cut_strangers()
            else:
                self._inboxes.cut(strangers)
            self._strangers_cut += len(strangers)
            # Logged whenever their number has doubled: someone may open them all day.
            if self._strangers_cut.bit_length() > (self._strangers_cut - len(strangers)).bit_length():
                log.warning("%d connections that gave no password were cut so far.", self._strangers_cut)

    def _warn_of_hidden_connections(self) -> None:
        """Say once that connections are not limited. A server without users has no contributors."""
        if self._contributors and not self._connections_are_hidden:
            self._connections_are_hidden = True
            log.warning(
                "The server does not let the training node see its connections, so those of contributors and strangers "
                "are not limited: its file of users is of an older version. Call `soulsai init --renew-users` and "
                "restart the server."
            )

    def _suspend(self, name: str) -> str:
        """Suspend a contributor, if this is configured. Returns the end of a sentence that says so."""
        if not self._limits.suspension_s:
            return ""
        self._inboxes.suspend(name)
        seconds = self._contributors[name].suspend(self._clock())
        self._statistics.add_suspension(name)
        return f"; it is suspended for {seconds:g} s"

    def _stop_flood(self, name: str, reason: str = "flood") -> None:
        """Discard what a contributor sent beyond all limits, and suspend it."""
        # Suspended before its inbox is emptied, or it would fill it again at once. If that failed since the server was
        # lost, what is left is no reason for another suspension.
        lasts = self._contributors[name].is_suspended(self._clock())
        consequence = "" if lasts else self._suspend(name)
        count = self._inboxes.discard(name)
        self._sizes.pop(name, None)
        self._reject(name, reason, count)
        log.warning(
            "The contributor %s sent what no client sends (%s); %d messages were discarded%s.",
            name, reason, count, consequence,
        )  # fmt: skip

    def _admit(self, messages: dict[str, list[Message]]) -> None:
        now = self._clock()
        delivery = Delivery()
        malicious: set[str] = set()
        if self._window is not None and messages:
            self._window.begin()
        for name, message in _in_turn(messages):
            contributor = self._contributors[name]
            if name in malicious or message.fields > _MAX_FIELDS:
                malicious.add(name)
                continue
            delivery.done.setdefault(name, []).append(message.id)
            if not contributor.allows(message.size, now):
                self._reject(name, "rate")
            elif message.kind == EPISODE and not contributor.allows_report(message.size, now):
                self._reject(name, "reports")
            else:
                reason = contributor.inspector.accept(message, now, delivery)
                contributor.count_rows(beyond_window=reason == "window")
                if reason is not None:
                    self._reject(name, reason, contributor.inspector.rows)
        if delivery.done:
            self._inboxes.deliver(delivery)
        if self._window is not None:
            self._window.delivered()
        for name in malicious:
            self._stop_flood(name, "fields")
        # Counted after the delivery: if it fails, the same messages are read and inspected again.
        for name, episodes in delivery.completed.items():
            if returns := self._contributors[name].inspector.new_returns(episodes):
                self._statistics.add_episodes(name, returns)

    def _reject(self, name: str, reason: str, count: int = 1) -> None:
        self._statistics.add_rejected(name, reason, count)
        self._count_rejected(name, reason, count)

    def _write_statistics(self) -> None:
        self._statistics.save()
        if self._contributors:
            self._inboxes.write_statistics(self._statistics.encode(), self._statistics.encode_each(self._contributors))


def _in_turn(messages: dict[str, list[Message]]) -> Iterable[tuple[str, Message]]:
    """The first message of each contributor, then the second of each, and so on."""
    columns = ([(name, message) for message in some] for name, some in messages.items())
    return (item for item in chain.from_iterable(zip_longest(*columns)) if item is not None)
