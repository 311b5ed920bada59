"""From the bytes of a message to admitted steps: decode, recognise repeats, judge freshness, and keep the books."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from soulsai_core.config.models import ClientSettings
from soulsai_core.contracts import Sync
from soulsai_core.errors import WireError
from soulsai_core.messages import Announcement
from soulsai_core.node.freshness import Freshness, SampleAge
from soulsai_core.node.ledger import UNKNOWN, Ledger
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.steps import MASK, SOURCE, StepBatch
from soulsai_core.wire import StepDecoder

log = logging.getLogger(__name__)


def announced_decoder(announcement: Announcement, max_bytes: int) -> StepDecoder:
    """Of messages with the announced columns, from clients with the announced settings."""
    observed = {MASK, *announcement.spec.observations}
    return StepDecoder(
        announcement.columns, observed, max_bytes, ClientSettings(**announcement.client).max_environments
    )


class Intake:
    """Decides what of a message may be learned from. Nothing that arrives can raise here.

    Args:
        run_id: messages of another training are rejected.
        sync: how old rows may be, and whose are learned from.
        told: called with (client, rows admitted, rows rejected by reason) for each message.
    """

    def __init__(
        self,
        run_id: str,
        decoder: StepDecoder,
        sync: Sync,
        metrics: NodeMetrics,
        told: Callable[[str, int, dict[str, int]], None],
    ) -> None:
        self.ledger = Ledger()
        self.age = SampleAge(sync.max_staleness + 8)
        self._run_id = run_id
        self._decoder = decoder
        self._sources = frozenset(map(int, sync.sources))
        self._freshness = Freshness(sync.max_staleness)
        self._metrics = metrics
        self._told = told

    def judge(self, payload: bytes, iteration: int, env_steps: int, now: float) -> tuple[str, StepBatch] | None:
        """The sender and its admitted steps, while `iteration` is the newest model; None if there is nothing to learn.
        A client that has made its quota is heard even without rows, unless all that it sent was too old."""
        try:
            message = self._decoder.decode(payload)
        except WireError as error:
            self._complain(error)
            self._book(error.client, error.number, 0, {error.reason: error.rows})  # acknowledged all the same
            return None
        header = message.header
        if header.run_id != self._run_id:
            self._book(header.client, None, 0, {"run": header.rows or 1})
            return None
        if self.ledger.is_repeat(header.client, header.number):
            self._book(header.client, None, 0, {"repeated": header.rows or 1})
            return None
        steps = message.steps
        wanted = [source in self._sources for source in steps.segments[:, SOURCE].tolist()]
        if not all(wanted):
            steps = steps.select(np.array(wanted))
        fresh, rejected = self._freshness.judge(steps.segments, iteration)
        if fresh is not None:
            steps = steps.select(fresh)
        self._book(header.client, header.number, len(steps), rejected)
        if len(steps):
            self.age.admitted(steps.segments, env_steps, now)
        elif rejected or steps.closed is None:
            return None
        return header.client, steps

    def _complain(self, error: WireError) -> None:
        """Once for each client and reason, for as long as the client's counts is kept."""
        counts = self.ledger.counts.get(error.client or UNKNOWN)
        if counts is None or error.reason not in counts.rejected:
            log.warning("What %r sends is rejected, %s", error.client or UNKNOWN, error)

    def _book(self, client: str, number: int | None, admitted: int, rejected: dict[str, int]) -> None:
        client = client or UNKNOWN
        closed = self.ledger.enter(client, number, admitted, rejected)
        if closed is not None:
            self._metrics.forget_client(closed)
        if admitted:
            self._metrics.admitted.labels(client).inc(admitted)
        for reason, rows in rejected.items():
            self._metrics.rejected.labels(client, reason).inc(rows)
        self._told(client, admitted, rejected)
