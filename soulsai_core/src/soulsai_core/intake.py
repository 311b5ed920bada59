"""From the bytes of a message to admitted rows: decode, recognise repeats, judge freshness, and keep the books."""

from __future__ import annotations

from collections.abc import Callable

from soulsai_core.errors import WireError
from soulsai_core.freshness import AgeMeter, Freshness
from soulsai_core.ledger import UNKNOWN, Ledger
from soulsai_core.messages import SampleBatch
from soulsai_core.metrics import NodeMetrics
from soulsai_core.wire import SampleDecoder


class Intake:
    """Decides what of a message may be learned from. Nothing that arrives can raise here.

    Args:
        session: messages of another training are rejected.
        told: called with (client, rows admitted, rows rejected by reason) for each message.
    """

    def __init__(
        self,
        session: str,
        decoder: SampleDecoder,
        freshness: Freshness,
        metrics: NodeMetrics,
        told: Callable[[str, int, dict[str, int]], None],
    ) -> None:
        self.ledger = Ledger()
        self.age = AgeMeter(freshness.max_staleness + 8)
        self._session = session
        self._decoder = decoder
        self._freshness = freshness
        self._metrics = metrics
        self._told = told

    def judge(self, payload: bytes, iteration: int, env_steps: int, now: float) -> tuple[str, SampleBatch] | None:
        """The sender and its admitted rows, None if there are none, while `iteration` is the newest model."""
        try:
            message = self._decoder.decode(payload)
        except WireError as error:
            self._book(error.client, error.number, 0, {error.reason: 1})  # a number is acknowledged all the same
            return None
        header, batch = message.header, message.batch
        if header.session != self._session:
            self._book(header.client, None, 0, {"session": header.rows})
            return None
        if self.ledger.is_repeat(header.client, header.number):
            self._book(header.client, None, 0, {"repeated": header.rows})
            return None
        admitted, rejected = self._freshness.judge(batch.iteration, iteration)
        if admitted is not None:
            batch = batch.select(admitted)
        self._book(header.client, header.number, len(batch), rejected)
        if not len(batch):
            return None
        self.age.admitted(batch.iteration, env_steps, now)
        return header.client, batch

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
