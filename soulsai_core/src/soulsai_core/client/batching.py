"""When recorded rows are sent, and as messages of which size."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from soulsai_core.client.recorder import Recorder
from soulsai_core.client.window import Window
from soulsai_core.config import ClientSettings
from soulsai_core.messages import ArraySpec
from soulsai_core.steps import SEGMENT_COLUMNS

_SEGMENT_BYTES = 8 * SEGMENT_COLUMNS

# In the worst case each row is a segment of its own. Segments travel in the header, whose size the node limits
# (`wire`): this many rows always fit.
_MOST_ROWS = 4096

# While server or node are away messages are kept by number, so that they are made longer: by this share of the time for
# which these are away, and at most as many times as long. It is what a client that is killed has not sent.
_AWAY_SHARE = 0.05
_MOST_TIMES = 20


class Batcher:
    """Decides when the recorder's rows are due, and sends them as messages of a bounded size.

    A message is due once it has half of the window: while it is on its way the next half is recorded, so neither the
    environment nor the node waits for the other.

    Args:
        window: takes each message.
        columns: of the rows; their sizes are known beforehand.

    Attributes:
        check_at: rows waiting from which on a step needs a look at the quota and the window first.
        group_rows: rows with which a message is due.
        send_at: time at which rows that wait are due, however few they are.
    """

    def __init__(
        self,
        recorder: Recorder,
        window: Window,
        settings: ClientSettings,
        columns: Mapping[str, ArraySpec],
    ) -> None:
        self._recorder = recorder
        self._window = window
        rows_in_limit = int(settings.max_message_mb * 2**20) // row_bytes(columns)
        self._most = max(min(settings.max_message_rows, rows_in_limit, _MOST_ROWS), 1)
        self._age = settings.max_message_age_s
        self.check_at: float = 0
        self.group_rows = 1
        self.send_at = 0.0
        self._began_away = False

    def begin_group(self, now: float) -> None:
        """The first rows of a message were recorded."""
        away = self._began_away = self._window.away
        longest = _MOST_TIMES * self._age
        self.send_at = now + (min(max(self._age, _AWAY_SHARE * self._window.silence), longest) if away else self._age)
        self.group_rows = self._most if away else max(min(self._most, self._window.size // 2), 1)

    def due(self, now: float) -> bool:
        """Whether there are enough rows, or they have waited long enough."""
        return self._recorder.rows >= self.group_rows or (self._recorder.rows > 0 and now >= self.send_at)

    def kept(self) -> int:
        """Rows that wait since the server or the node was away. May be called in any thread."""
        return self._recorder.rows if self._began_away else 0

    def send_soon(self) -> None:
        """Rows that wait are due now: waiting for others would only make them staler."""
        self.check_at = 0
        self.send_at = -math.inf

    def send(self) -> None:
        """Send all rows that wait."""
        # What was sent takes up room in the window, so the room has to be looked at again before the next step.
        self.check_at = 0
        batch = self._recorder.take()
        if batch is not None:
            for part in batch.split(self._most):
                self._window.add(part)
        self._began_away = False


def row_bytes(columns: Mapping[str, ArraySpec]) -> int:
    """Largest number of bytes of a row in a message: its columns, a segment of its own, and the observation after it,
    for which all columns are counted once more."""
    return _SEGMENT_BYTES + 2 * sum(math.prod(spec.shape) * np.dtype(spec.dtype).itemsize for spec in columns.values())
