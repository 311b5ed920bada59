"""How a process that plays a game in real time shares its one interpreter between its threads."""

from __future__ import annotations

import gc
import sys

_SWITCH_SECONDS = 0.0005


def prefer_the_game() -> None:
    """Call once everything is imported. Between two steps of a game there is about a millisecond: by default the thread
    that plays may have to wait five of them for one that packs or unpacks messages, and many more for a collection
    that walks through all that was imported."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
