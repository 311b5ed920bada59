"""From the bytes of a message to admitted steps: decode it, recognize repeats, judge its staleness, and count."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from soulsai_core.config.models import ClientSettings
from soulsai_core.contracts import Entry, Sync
from soulsai_core.errors import WireError
from soulsai_core.hooks.observers import Observers
from soulsai_core.journal.records import Limits
from soulsai_core.messages import Announcement, ArraySpec
from soulsai_core.node.freshness import Freshness, Staleness
from soulsai_core.node.health.unchanged import UnchangedObservations
from soulsai_core.node.ledger import UNKNOWN, Ledger
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.steps import MASK, SOURCE, StepBatch
from soulsai_core.wire import Header, StepDecoder

log = logging.getLogger(__name__)

_AHEAD = 16
"""Messages that are decoded one after the other, at most. To run the same code again, while it is in the processor's
cache, saves a tenth of the time of a message."""

_AHEAD_BYTES = 2**18
"""Bytes of messages that are decoded ahead, about: large ones gain nothing, and would lie in memory twice."""


def announced_decoder(announcement: Announcement, max_bytes: int) -> StepDecoder:
    """A decoder of messages with the announced columns, from clients with the announced settings."""
    observed = {MASK, *announcement.spec.observations}
    return StepDecoder(
        announcement.columns, observed, max_bytes, ClientSettings(**announcement.client).max_environments
    )


class Decoded(NamedTuple):
    """What a message says.

    Attributes:
        header: None if it cannot be read.
        steps: None if they cannot be read, or are of another run.
        error: why they cannot be read.
    """

    header: Header | None
    steps: StepBatch | None = None
    error: WireError | None = None


class Judged(NamedTuple):
    """What became of a message.

    Attributes:
        client: that sent it.
        number: of the message, None if it cannot be read, or is not to be recognized again.
        steps: what the learner gets, None for nothing.
        kept: whether the message belongs into the journal: it has steps for the learner, or steps of other sources.
    """

    client: str
    number: int | None
    steps: StepBatch | None = None
    kept: bool = False

    @property
    def rows(self) -> int:
        """Rows that are admitted."""
        return 0 if self.steps is None else len(self.steps)


def admitted(
    steps: StepBatch, sources: frozenset[int], freshness: Freshness, iteration: int
) -> tuple[StepBatch, dict[str, int]]:
    """The rows of wanted sources that are fresh enough, and the other rows of these sources by reason."""
    steps = _of_sources(steps, sources)
    fresh, rejected = freshness.judge(steps.segments, iteration)
    return (steps if fresh is None else steps.select(fresh)), rejected


def _of_sources(steps: StepBatch, sources: frozenset[int]) -> StepBatch:
    wanted = [source in sources for source in steps.segments[:, SOURCE].tolist()]
    return steps if all(wanted) else steps.select(np.array(wanted))


class Intake:
    """Decides which rows of a message the learner gets. No message, whatever its bytes, makes it raise.

    Args:
        run_id: of the running training; messages of another one are rejected.
        sync: how old rows may be, and rows of which sources are learned from.
        received: called with (client, rows that it has still to send, node that it has heard) for each message of this
            run.

    Attributes:
        unchanged: finds clients whose observations do not change.
    """

    def __init__(
        self,
        run_id: str,
        decoder: StepDecoder,
        sync: Sync,
        metrics: NodeMetrics,
        observers: Observers,
        received: Callable[[str, int, str], object] = lambda *_: None,
    ) -> None:
        self.unchanged = UnchangedObservations(decoder.observed)
        self.ledger = Ledger()
        # The iterations whose rows can be admitted, and a few to spare.
        self.staleness = Staleness(sync.max_staleness + 8)
        self._run_id = run_id
        self._decoder = decoder
        self._taken = decoder.of_taken()
        self._sources = frozenset(map(int, sync.sources))
        self._max_staleness = sync.max_staleness
        self._freshness = Freshness(sync.max_staleness)
        self._metrics = metrics
        self._observers = observers
        self._received = received

    @property
    def limits(self) -> Limits:
        """By what messages are judged."""
        return Limits(self._max_staleness, sum(1 << source for source in self._sources))

    def decoded(self, entries: Sequence[Entry]) -> Iterator[tuple[Entry, Decoded]]:
        """Decode these messages in order, a few of them ahead."""
        ahead = []
        size = 0
        for entry in entries:
            ahead.append((entry, self.decode(entry.payload)))
            size += len(entry.payload)
            if len(ahead) == _AHEAD or size > _AHEAD_BYTES:
                yield from ahead
                ahead = []
                size = 0
        yield from ahead

    def decode(self, payload: bytes) -> Decoded:
        """Decode a message. What depends on the messages and models before it is left to `judge`."""
        header = None
        try:
            header, body = self._decoder.open(payload)
            if self._is_foreign(header):
                return Decoded(header)
            return Decoded(header, self._decoder.read(header, body))
        except WireError as error:
            return Decoded(header, error=error)

    def judge(self, message: Decoded, iteration: int, env_steps: int, now: float) -> Judged:
        """Judge a message while `iteration` is the newest model.

        A message that closes a rollout is for the learner even without rows, unless all its rows were too old.
        """
        header, steps, error = message
        if header is not None and self._is_out_of_turn(header):
            return Judged(header.client, None)
        if error is not None:
            self._warn(error)
            # Acknowledged nevertheless: the client would wait for it, and must not send it again.
            self._count(error.client, error.number, 0, {error.reason: error.rows})
            return Judged(error.client, error.number)
        assert header is not None and steps is not None, "only steps of another run are not read"
        rows = len(steps)
        self.unchanged.received(header.client, steps, now)
        steps, rejected = admitted(steps, self._sources, self._freshness, iteration)
        self._count(header.client, header.number, len(steps), rejected)
        others = rows > len(steps) + sum(rejected.values())
        if len(steps):
            self.staleness.admitted(steps.segments, env_steps, now)
        elif rejected or steps.closed is None:
            return Judged(header.client, header.number, None, others)
        return Judged(header.client, header.number, steps, kept=True)

    def repeat(self, payload: bytes, iteration: int, limits: Limits) -> tuple[str, int, StepBatch]:
        """The client, the number and the admitted steps of a message that was judged before, with what it was judged
        by. Raises WireError if it does not fit the columns of this training."""
        message = self._decoder.decode(payload)
        sources = frozenset(source for source in range(64) if limits.sources >> source & 1)
        steps, rejected = admitted(message.steps, sources, Freshness(limits.max_staleness), iteration)
        if rejected and not len(steps):
            steps = replace(steps, closed=None)
        return message.header.client, message.header.number, steps

    @property
    def taken_columns(self) -> Mapping[str, ArraySpec]:
        """The columns of steps that are taken from another run."""
        return self._taken.columns

    def wanted(self, steps: StepBatch) -> StepBatch:
        """The rows of sources that are learned from."""
        return _of_sources(steps, self._sources)

    def taken(self, payload: bytes) -> tuple[str, StepBatch]:
        """The client and the steps of a message with steps of another run, which are not judged. Raises WireError if
        it does not fit the columns of this training."""
        message = self._taken.decode(payload)
        return message.header.client, message.steps

    def _is_foreign(self, header: Header) -> bool:
        return header.run_id != self._run_id

    def _is_out_of_turn(self, header: Header) -> bool:
        """Whether a message is not looked at: of another run, repeated, or too early. The last two are no rejections,
        since their rows were taken in already or will come again."""
        if self._is_foreign(header):
            self._count(header.client, None, 0, {"run": header.rows or 1})
            return True
        self._received(header.client, header.waiting, header.node)
        if self.ledger.is_repeat(header.client, header.number):
            self._metrics.repeated.labels("repeated").inc()
            return True
        if self.ledger.is_early(header.client, header.number, header.first, header.attempt):
            self._metrics.repeated.labels("early").inc()
            return True
        return False

    def _warn(self, error: WireError) -> None:
        """Log the first message that is rejected for this reason, for each client whose counts are kept."""
        counts = self.ledger.counts.get(error.client or UNKNOWN)
        if counts is None or error.reason not in counts.rejected:
            log.warning("Samples of %r are rejected, %s", error.client or UNKNOWN, error)

    def _count(self, client: str, number: int | None, admitted: int, rejected: dict[str, int]) -> None:
        client = client or UNKNOWN
        dropped = self.ledger.add(client, number, admitted, rejected)
        if dropped is not None:
            self._metrics.forget_client(dropped)
        if admitted:
            self._metrics.count_admitted(client, admitted)
        for reason, rows in rejected.items():
            self._metrics.count_rejected(client, reason, rows)
        self._observers.emit("samples_received", client=client, admitted=admitted, rejected=rejected)
