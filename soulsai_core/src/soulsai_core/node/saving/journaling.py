"""Hands judged messages to the journal. They are acknowledged and released in the server once they are written."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from typing import NamedTuple

import msgspec

from soulsai_core.journal.journal import Journal
from soulsai_core.journal.records import CLIENTS, UPDATE, Record
from soulsai_core.node.intake import Judged
from soulsai_core.node.ledger import Ledger


class _Sent(NamedTuple):
    """A message, and the number of records that must be written before it is acknowledged and released."""

    records: int
    client: str
    number: int | None
    entry: str


class Journaling:
    """To be used by the loop's thread.

    Args:
        journal: None if the run has none: messages are then acknowledged and released at once.
        release: takes the id of the last message in the server that is not needed there any more.
    """

    def __init__(self, journal: Journal | None, ledger: Ledger, release: Callable[[str], object]) -> None:
        self._journal = journal
        self._ledger = ledger
        self._release = release
        self._unwritten: deque[_Sent] = deque()
        self._unreleased: deque[_Sent] = deque()

    def keep(self, entry: str, payload: bytes, judged: Judged, iteration: int) -> None:
        """A message with the id `entry` in the server was judged while `iteration` was the newest.

        Args:
            payload: its bytes, as they came.
        """
        if self._journal is None:
            self._ledger.acknowledge(judged.client, judged.number)
            self._release(entry)
            return
        if judged.kept:
            self._journal.append(Record(payload, iteration, judged.rows))
        sent = _Sent(self._journal.end.record, judged.client, judged.number, entry)
        self._unwritten.append(sent)
        self._unreleased.append(sent)

    def clients_changed(self, clients: Collection[str], iteration: int) -> None:
        """Note in the journal who is connected: learners are told, and depend on it."""
        if self._journal is not None:
            self._journal.append(Record(msgspec.msgpack.encode(sorted(clients)), iteration, kind=CLIENTS))

    def update_begins(self, iteration: int, timeout: float) -> None:
        """Note that a learner that decides itself makes this iteration now, of the rows noted so far, and wait until
        that is written: clients act with the model as soon as it is published, so that a node that goes on after a kill
        must make it, too."""
        if self._journal is not None:
            self._journal.append(Record(b"", iteration, kind=UPDATE))
            if not self._journal.problem:
                self._journal.wait_written(timeout)

    def acknowledge(self) -> bool:
        """Acknowledge and release what is written by now. Returns whether there was something new."""
        if self._journal is None:
            return False
        self._journal.wake()
        written = self._journal.written
        changed = False
        while self._unwritten and self._unwritten[0].records <= written:
            sent = self._unwritten.popleft()
            self._ledger.acknowledge(sent.client, sent.number)
            changed = True
        released = self._journal.released
        last = ""
        while self._unreleased and self._unreleased[0].records <= released:
            last = self._unreleased.popleft().entry
        if last:
            self._release(last)
        return changed

    def wait(self, timeout: float) -> bool:
        """Wait until all messages are written, then `acknowledge` them."""
        if timeout and self._journal is not None and self._unwritten and not self._journal.problem:
            self._journal.wait_written(timeout)
        return self.acknowledge()
