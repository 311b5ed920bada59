"""What connectors receive when episodes were recorded."""

from __future__ import annotations

from dataclasses import dataclass

from soulsai_telemetry.history.history import History
from soulsai_telemetry.history.records import BestScore, EpisodeRecord, SavedModel


@dataclass(frozen=True, slots=True)
class HistoryUpdate:
    """The history and what is new in it.

    Attributes:
        records: the new episodes, in order. After a restart some come again: compare their numbers.
        history: the whole run, in bounded memory; may be read from any thread.
        best, saved: None before there is one.
        reports: how many episode reports were "late", "repeated", "garbled", "foreign" or "incomplete".
    """

    records: tuple[EpisodeRecord, ...]
    history: History
    best: BestScore | None
    saved: SavedModel | None
    reports: dict[str, int]
