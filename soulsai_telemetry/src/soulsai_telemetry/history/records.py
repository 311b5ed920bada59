"""The values that the telemetry node passes to connectors and to the page."""

from __future__ import annotations

from dataclasses import dataclass

from soulsai_core import NodeStatus
from soulsai_core.app import Health

OVER = ("finished", "failed")
"""States of a training whose node has ended."""


@dataclass(frozen=True, slots=True)
class EpisodeRecord:
    """One episode with its metrics.

    Attributes:
        number: of the episode in the run, from 1.
        steps: environment steps of all episodes of training up to this one.
        time: when it was reported, in seconds since 1970.
        iteration: model iteration at its end.
        complete: False if the environment failed in the middle of it.
        values: metric -> value; empty if it is not complete.
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
class Candidate:
    """A model that may be the best: its score, and its iteration if it was evaluated; None: it is the newest one."""

    metric: str
    score: float
    iteration: int | None = None


@dataclass(frozen=True, slots=True)
class BestScore:
    """The best moving average so far, or the best mean of evaluations once there are any, and the episode, step,
    iteration and time at which it was reached."""

    metric: str
    score: float
    episode: int
    steps: int
    iteration: int
    time: float


@dataclass(frozen=True, slots=True)
class SavedModel:
    """The model that the training node saved as the best one, and its score.

    Attributes:
        mode: "max" or "min", whether a higher or a lower score is better.
        time: of the episode after which it was saved, in seconds since 1970.
        path: of its checkpoint, as the training node names it.
    """

    metric: str
    mode: str
    score: float
    episode: int
    time: float
    path: str


@dataclass(frozen=True, slots=True)
class ClientSummary:
    """What the page shows of a client.

    Attributes:
        since: when it was first seen, in seconds since 1970.
        silent: seconds since its last heartbeat, None if the server knows of none.
        last_return: mean return of its last episodes, None before the first.
        admitted: environment steps admitted.
        rejected: environment steps rejected, by reason.
        restarts: of its environment.
        dropped: environment steps that it never sent.
        version: of its soulsai-core, "" if it does not say.
        latency: seconds that the server took to answer its last heartbeat, 0 if it does not say.
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
    version: str = ""
    latency: float = 0.0


@dataclass(frozen=True, slots=True)
class ContributorSummary:
    """What a contributor has contributed to the run.

    Attributes:
        since: when its first step was admitted, in seconds since 1970; None before that.
        clients: of them, present now.
        samples: environment steps admitted.
        seconds: for which its clients were present, added up over the clients.
        episodes: complete ones.
        mean_return: of its last episodes; None, like `best`, before the first.
        rejected: environment steps, or messages, rejected for any reason.
    """

    name: str
    since: float | None
    clients: int
    samples: int
    seconds: float
    episodes: int
    mean_return: float | None
    best: float | None
    rejected: int


@dataclass(frozen=True, slots=True)
class TrainingStatus:
    """The training at one moment.

    Attributes:
        time: seconds since 1970.
        health: the judgment of the training: whether it learns, and what keeps it from that.
        node: the last status that it reported.
        clients: those present, then those lost within the last hour.
        admitted_per_second, rejected_per_second: environment steps, averaged over the last seconds.
        contributors: the one with the most samples first; empty without contributors.
    """

    time: float
    health: Health
    node: NodeStatus
    clients: list[ClientSummary]
    admitted_per_second: float
    rejected_per_second: float
    contributors: tuple[ContributorSummary, ...] = ()

    @property
    def alive(self) -> bool:
        """Whether the training node runs and reports."""
        return self.health.live
