"""Settings of the interpreter for a process that steps a game in real time."""

from __future__ import annotations

import sys

from soulsai_core.cli.garbage import leave_out_what_exists

# Python's default of 5 ms is longer than the pause between two steps of a game, about 1 ms.
_SWITCH_SECONDS = 0.0005


def prepare_for_realtime() -> None:
    """Shorten the waits of the thread that steps the game. Call this once everything is imported.

    By default that thread may wait 5 ms for one that encodes or decodes messages, and much longer for a garbage
    collection that visits all objects of the imported modules.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    leave_out_what_exists()
