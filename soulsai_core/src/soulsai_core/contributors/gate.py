"""The only way in for contributors: their messages are inspected and moved into the run's own streams.

What one contributor sends lies in an inbox of its own. The server itself vouches for the sender, and a flood fills
nothing but the sender's inbox. Inboxes are read in turn, a few messages each. While the node is behind, messages wait.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterable
from itertools import chain, zip_longest

from soulsai_core.config import TrainingSettings
from soulsai_core.contributors.contributor import Contributor
from soulsai_core.contributors.inbox import Delivery, Inboxes, Message
from soulsai_core.contributors.statistics import ContributorStatistics
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.threads import Supervised, SupervisedLoop

log = logging.getLogger(__name__)

_LOOK = 1.0
_COUNT = 0.05
_BLOCK = 0.2
_MESSAGES = 32


class Gate(Supervised):
    """Runs in a thread of its own, if there is a inboxes at all.

    Args:
        run_id: the training's name.
        statistics: where it is noted who sent what.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        inboxes: Inboxes | None,
        run_id: str,
        settings: TrainingSettings,
        statistics: ContributorStatistics,
        metrics: NodeMetrics,
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self.statistics = statistics
        self._inboxes = inboxes
        self._limits = limits = settings.contributors
        self._metrics = metrics
        self._clock = clock
        self._new_contributor = lambda name: Contributor(name, run_id, limits, settings.client_timeout_s, clock())
        self._contributors: dict[str, Contributor] = {}
        self._next_look = self._next_count = clock()
        self._behind = False
        self._wake = threading.Event()
        self._loop = SupervisedLoop("gate", self._step, rng)

    def sweep(self) -> None:
        """Before anything else is written: throw out what overflows since nobody looked, and let in who was
        suspended by a node that is gone."""
        if self._inboxes is not None:
            self._look(self._inboxes)
            for name in self._contributors:
                self._inboxes.restore(name)
            if self._contributors:
                self._count(self._inboxes)

    def start(self) -> None:
        """Start the loop's thread, if there is a inboxes to look at."""
        if self._inboxes is not None:
            super().start()

    def stop(self) -> None:
        super().stop()
        self._wake.set()

    def close(self) -> None:
        """Stop, and save the statistics."""
        self.stop()
        self._loop.join(_BLOCK + 2.0)
        self._write()

    def _step(self) -> None:
        assert self._inboxes is not None
        now = self._clock()
        if now >= self._next_look:
            self._next_look = now + _LOOK
            self._look(self._inboxes)
            self._write()
        names = [name for name, contributor in self._contributors.items() if contributor.may_enter(now)]
        if not names:
            self._wake.wait(_LOOK)
            return
        if now >= self._next_count:
            self._next_count = now + _COUNT
            self._count(self._inboxes)
        if self._behind:
            self._wake.wait(_COUNT)
        else:
            self._admit(self._inboxes, self._inboxes.read(names, _MESSAGES, _BLOCK))

    def _look(self, inboxes: Inboxes) -> None:
        """Who is invited by now, and whose suspension is over."""
        invited = inboxes.contributors()
        now = self._clock()
        self._contributors = {name: self._contributors.get(name) or self._new_contributor(name) for name in invited}
        for name, contributor in self._contributors.items():
            self.statistics.open(name)
            self.statistics.present(name, contributor.seconds_present(now))
            if contributor.presses():
                self._stem(inboxes, name)
            if contributor.returns_now(now):
                inboxes.restore(name)
                log.info("The contributor %s is let in again.", name)

    def _count(self, inboxes: Inboxes) -> None:
        main, sizes = inboxes.size(list(self._contributors))
        # What is delivered beyond the bound would push out what others sent.
        self._behind = main.entries > inboxes.limits.max_entries // 4 or main.bytes > inboxes.limits.max_bytes // 4
        most_entries = self._limits.max_backlog_entries
        most_bytes = self._limits.max_backlog_mb * 2**20
        for name, size in sizes.items():
            if size.entries > most_entries or size.bytes > most_bytes:
                self._stem(inboxes, name)

    def _stem(self, inboxes: Inboxes, name: str) -> None:
        """A flood: throw it away, and keep the flooder out for a while."""
        if self._limits.suspension_s:
            inboxes.suspend(name)
            self._contributors[name].suspend(self._clock())
            self.statistics.suspended(name)
        count = inboxes.discard(name)
        self._reject(name, "flood", count)
        pause = f"; it is suspended for {self._limits.suspension_s:g} s" if self._limits.suspension_s else ""
        log.warning("The contributor %s sent more than may wait; %d messages were thrown away%s.", name, count, pause)

    def _admit(self, inboxes: Inboxes, messages: dict[str, list[Message]]) -> None:
        now = self._clock()
        delivery = Delivery()
        for name, message in _in_turn(messages):
            contributor = self._contributors[name]
            delivery.done.setdefault(name, []).append(message.id)
            reason = (
                contributor.inspector.accept(message, now, delivery)
                if contributor.allows(message.size, now)
                else "rate"
            )
            if reason is not None:
                self._reject(name, reason)
        if delivery.done:
            inboxes.deliver(delivery)
        for name in delivery.done:
            if returns := self._contributors[name].take_returns():
                self.statistics.finished(name, returns)

    def _reject(self, name: str, reason: str, count: int = 1) -> None:
        self.statistics.rejected(name, reason, count)
        self._metrics.rejected.labels(name, reason).inc(count)

    def _write(self) -> None:
        self.statistics.save()
        if self._inboxes is not None and self._contributors:
            self._inboxes.write_statistics(self.statistics.encode())


def _in_turn(messages: dict[str, list[Message]]) -> Iterable[tuple[str, Message]]:
    """The first of each, then the second of each, and so on."""
    columns = ([(name, message) for message in some] for name, some in messages.items())
    return (item for item in chain.from_iterable(zip_longest(*columns)) if item is not None)
