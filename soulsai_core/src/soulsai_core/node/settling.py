"""The seconds between the end of the loop and the last checkpoint, in which others still send what they have."""

from __future__ import annotations

import queue
from collections.abc import Callable

from soulsai_core.node.monitor import Event

TURNS = 60
PAUSE = 0.05
"""Number and length in seconds of the waits: three seconds at most."""


def settle(events: queue.SimpleQueue[Event], handle: Callable[[Event], None], awaited: Callable[[], bool]) -> None:
    """Handle events while `awaited()` is true: clients report their last episodes and leave, and telemetry has the best
    model saved. Nobody is waited for longer than a few seconds."""
    for _ in range(TURNS):
        if not awaited():
            return
        try:
            handle(events.get(timeout=PAUSE))
        except queue.Empty:
            continue
