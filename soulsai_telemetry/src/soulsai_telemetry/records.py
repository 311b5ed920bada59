"""What the telemetry node knows of an episode, of the moment, and of the best; told to connectors and to the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from soulsai_core import NodeStatus

if TYPE_CHECKING:
    from soulsai_telemetry.history import History


@dataclass(frozen=True, slots=True)
class Record:
    """One episode, measured.

    Attributes:
        number: of the run, from 1.
        steps: environment steps of all episodes up to this one.
        time: when it was reported, in seconds since 1970.
        iteration: model iteration at its end.
        values: metric -> value; empty for an episode that the environment's failure cut short.
        averages: metric -> moving average after it.
    """

    number: int
    steps: int
    time: float
    iteration: int
    client: str
    complete: bool
    values: dict[str, float]
    averages: dict[str, float]


@dataclass(frozen=True, slots=True)
class Best:
    """The best moving average so far, and where it was reached."""

    metric: str
    score: float
    episode: int
    steps: int
    iteration: int
    time: float


@dataclass(frozen=True, slots=True)
class SavedModel:
    """The model that the training node saved as the best one, at this score."""

    metric: str
    mode: str
    score: float
    episode: int
    time: float
    path: str


@dataclass(frozen=True, slots=True)
class ClientLine:
    """A client, as the page shows it.

    Attributes:
        since: when it was first heard of, in seconds since 1970.
        silent: seconds since its last sign of life, None if it is not on the roster.
        last_return: mean return of its last episodes, None before the first.
    """

    id: str
    host: str
    since: float
    silent: float | None
    env_steps: int
    steps_per_second: float
    episodes: int
    last_return: float | None
    admitted: int
    rejected: dict[str, int]
    restarts: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Vitals:
    """How the training is at one moment.

    Attributes:
        time: seconds since 1970.
        alive: the training node reported lately.
        admitted_per_second, rejected_per_second: environment steps, over the last seconds.
    """

    time: float
    alive: bool
    status: NodeStatus
    clients: list[ClientLine]
    admitted_per_second: float
    rejected_per_second: float


@dataclass(frozen=True, slots=True)
class Update:
    """News of the history.

    Attributes:
        records: the episodes that are new, in order. After a restart some come again: go by their number.
        history: all of it, bounded in memory; may be read from any thread.
        best, saved: None before there is one.
        reports: how many reports were "late", "repeated", "garbled" or "foreign".
    """

    records: tuple[Record, ...]
    history: History
    best: Best | None
    saved: SavedModel | None
    reports: dict[str, int]
