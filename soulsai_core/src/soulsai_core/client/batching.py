"""Rows that wait in the recorder for others, to go out as one message."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from soulsai_core.client.recorder import Recorder
from soulsai_core.client.window import Window
from soulsai_core.config import ClientSettings
from soulsai_core.messages import ArraySpec
from soulsai_core.steps import StepBatch

_SEGMENT_BYTES = 56
_MOST_SEGMENTS = 4096
"""Each row may be a segment of its own, and the header of a message, where they lie, is bounded."""


class Batcher:
    """Says when the rows of the recorder are to be sent, and sends them as messages of a bounded size.

    Half of the window circulates as one message: the next one is made while it is on its way.

    Args:
        columns: of the rows; their sizes are known beforehand.
        send: takes each message.

    Attributes:
        limit: with fewer rows waiting a step may be made without looking at the window, the quota and the buffer.
        group: so many rows are to be sent.
        send_at: when rows that wait are to be sent.
    """

    def __init__(
        self,
        recorder: Recorder,
        window: Window,
        settings: ClientSettings,
        columns: Mapping[str, ArraySpec],
        send: Callable[[StepBatch], None],
    ) -> None:
        self._recorder = recorder
        self._window = window
        self._pass_on = send
        largest = int(settings.max_group_mb * 2**20) // row_bytes(columns)
        self._most = max(min(settings.max_group_rows, largest, _MOST_SEGMENTS), 1)
        self._age = settings.max_group_age_s
        self.limit: float = 0
        self.group = 1
        self.send_at = 0.0

    def begin(self, now: float) -> None:
        """The first rows of a message were recorded."""
        self.send_at = now + self._age
        self.group = max(min(self._most, self._window.size // 2), 1)

    def due(self, now: float) -> bool:
        """There are enough rows, or they waited long enough."""
        return self._recorder.rows >= self.group or (self._recorder.rows > 0 and now >= self.send_at)

    def hurry(self) -> None:
        """What is there is due: to wait for others would only age it."""
        self.limit = 0
        self.send_at = -math.inf

    def send(self) -> None:
        """Send all that waits."""
        self.limit = 0
        batch = self._recorder.take()
        if batch is not None:
            for part in batch.split(self._most):
                self._pass_on(part)


def row_bytes(columns: Mapping[str, ArraySpec]) -> int:
    """Most bytes that a row can have in a message: its columns, a segment of its own, and the observation after it."""
    return _SEGMENT_BYTES + 2 * sum(math.prod(spec.shape) * np.dtype(spec.dtype).itemsize for spec in columns.values())
