"""Rows that wait in the actor for others, to go out as one message."""

from __future__ import annotations

import math
from collections.abc import Callable

from soulsai_core.config import ClientSettings
from soulsai_core.contracts import Actor
from soulsai_core.flow import Flow
from soulsai_core.grouping import messages, row_bytes
from soulsai_core.messages import SampleBatch


class Outbox:
    """Counts rows, says when to send them, and takes them from the actor.

    Args:
        send: takes each message.

    Attributes:
        rows: the actor was given, and have not been asked for since.
    """

    def __init__(self, actor: Actor, flow: Flow, settings: ClientSettings, send: Callable[[SampleBatch], None]) -> None:
        self.rows = 0
        self._actor = actor
        self._flow = flow
        self._pass_on = send
        self._most = settings.max_group_rows
        self._bytes = int(settings.max_group_mb * 2**20)
        self._age = settings.max_group_age_s
        self._group = 1  # until the first message shows how large a row is
        self._send_at = 0.0

    def count(self, rows: int, now: float) -> bool:
        """The actor was given so many more. True if they are due."""
        if not self.rows:
            self._send_at = now + self._age
        self.rows += rows
        return self.rows >= self._group or now >= self._send_at

    def due(self, now: float) -> bool:
        """There are enough rows, or they have waited long enough."""
        return self.rows > 0 and (self.rows >= self._group or now >= self._send_at)

    def hurry(self) -> None:
        """What is there is due: to wait for others would only age it."""
        self._send_at = -math.inf

    def send(self) -> None:
        """Half of the window circulates as one message: the next one is made while it is on its way."""
        batch = self._actor.take()
        self.rows = 0
        if batch is None:
            return
        self._group = max(min(self._most, self._bytes // row_bytes(batch), self._flow.window // 2), 1)
        for part in messages(batch, self._bytes):
            self._pass_on(part)
