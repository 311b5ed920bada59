"""The only way in for contributors: their parcels are looked at and moved into the run's own streams.

What one contributor sends lies in a stream of its own, so that the server itself says who it was, and a flood fills
nothing but the flooder's stream. Streams are read in turn, a few parcels each. While the node is behind, parcels wait.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterable
from itertools import chain, zip_longest

from soulsai_core.config import TrainingSettings
from soulsai_core.contributors.contributor import Guest
from soulsai_core.contributors.inbox import Delivery, Door, Parcel
from soulsai_core.contributors.statistics import Book
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.threads import Supervised, SupervisedLoop

log = logging.getLogger(__name__)

_LOOK = 1.0
_COUNT = 0.05
_BLOCK = 0.2
_PARCELS = 32


class Gate(Supervised):
    """Runs in a thread of its own, if there is a door at all.

    Args:
        session: the training's name.
        book: where it is noted who sent what.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        door: Door | None,
        session: str,
        settings: TrainingSettings,
        book: Book,
        metrics: NodeMetrics,
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self.book = book
        self._door = door
        self._limits = limits = settings.contributors
        self._metrics = metrics
        self._clock = clock
        self._new_guest = lambda name: Guest(name, session, limits, settings.client_timeout_s, clock())
        self._guests: dict[str, Guest] = {}
        self._next_look = self._next_count = clock()
        self._behind = False
        self._wake = threading.Event()
        self._loop = SupervisedLoop("gate", self._step, rng)

    def sweep(self) -> None:
        """Before anything else is written: throw out what overflows since nobody looked, and let in who was
        suspended by a node that is gone."""
        if self._door is not None:
            self._look(self._door)
            for name in self._guests:
                self._door.restore(name)
            if self._guests:
                self._count(self._door)

    def start(self) -> None:
        """Start the loop's thread, if there is a door to look at."""
        if self._door is not None:
            super().start()

    def stop(self) -> None:
        super().stop()
        self._wake.set()

    def close(self) -> None:
        """Stop, and save the book."""
        self.stop()
        self._loop.join(_BLOCK + 2.0)
        self._write()

    def _step(self) -> None:
        assert self._door is not None
        now = self._clock()
        if now >= self._next_look:
            self._next_look = now + _LOOK
            self._look(self._door)
            self._write()
        names = [name for name, guest in self._guests.items() if guest.may_enter(now)]
        if not names:
            self._wake.wait(_LOOK)
            return
        if now >= self._next_count:
            self._next_count = now + _COUNT
            self._count(self._door)
        if self._behind:
            self._wake.wait(_COUNT)
        else:
            self._admit(self._door, self._door.read(names, _PARCELS, _BLOCK))

    def _look(self, door: Door) -> None:
        """Who is invited by now, and whose suspension is over."""
        invited, now = door.contributors(), self._clock()
        self._guests = {name: self._guests.get(name) or self._new_guest(name) for name in invited}
        for name, guest in self._guests.items():
            self.book.open(name)
            self.book.present(name, guest.seconds_present(now))
            if guest.presses():
                self._stem(door, name)
            if guest.returns_now(now):
                door.restore(name)
                log.info("The contributor %s is let in again.", name)

    def _count(self, door: Door) -> None:
        main, stocks = door.stock(list(self._guests))
        # What is delivered beyond the bound would push out what others sent.
        self._behind = main.entries > door.limits.max_entries // 4 or main.bytes > door.limits.max_bytes // 4
        most_entries, most_bytes = self._limits.max_backlog_entries, self._limits.max_backlog_mb * 2**20
        for name, stock in stocks.items():
            if stock.entries > most_entries or stock.bytes > most_bytes:
                self._stem(door, name)

    def _stem(self, door: Door, name: str) -> None:
        """A flood: throw it away, and keep the flooder out for a while."""
        if self._limits.suspension_s:
            door.suspend(name)
            self._guests[name].suspend(self._clock())
            self.book.suspended(name)
        count = door.discard(name)
        self._reject(name, "flood", count)
        pause = f"; it is suspended for {self._limits.suspension_s:g} s" if self._limits.suspension_s else ""
        log.warning("The contributor %s sent more than may wait; %d messages were thrown away%s.", name, count, pause)

    def _admit(self, door: Door, parcels: dict[str, list[Parcel]]) -> None:
        now, delivery = self._clock(), Delivery()
        for name, parcel in _in_turn(parcels):
            guest = self._guests[name]
            delivery.done.setdefault(name, []).append(parcel.id)
            reason = guest.inspector.accept(parcel, now, delivery) if guest.allows(parcel.size, now) else "rate"
            if reason is not None:
                self._reject(name, reason)
        if delivery.done:
            door.deliver(delivery)
        for name in delivery.done:
            if returns := self._guests[name].take_returns():
                self.book.finished(name, returns)

    def _reject(self, name: str, reason: str, count: int = 1) -> None:
        self.book.rejected(name, reason, count)
        self._metrics.rejected.labels(name, reason).inc(count)

    def _write(self) -> None:
        self.book.save()
        if self._door is not None and self._guests:
            self._door.write_book(self.book.encode())


def _in_turn(parcels: dict[str, list[Parcel]]) -> Iterable[tuple[str, Parcel]]:
    """The first of each, then the second of each, and so on."""
    columns = ([(name, parcel) for parcel in some] for name, some in parcels.items())
    return (item for item in chain.from_iterable(zip_longest(*columns)) if item is not None)
