"""The fold from episode reports to the run's history: the same reports always give the same history."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import msgspec

from soulsai_core import Episode
from soulsai_telemetry.config import TelemetryConfig
from soulsai_telemetry.history import History
from soulsai_telemetry.metrics import MetricSet
from soulsai_telemetry.records import Best, Record
from soulsai_telemetry.stats import BestTracker, MovingAverage

_CLIENTS = 1000
_RETURNS = 20


class Reported(msgspec.Struct, frozen=True):
    """An episode as it is kept on disk: where it stood in the stream, and when it came, in seconds since 1970."""

    entry: str
    time: float
    episode: Episode


@dataclass(slots=True)
class ClientRecord:
    """What the history says of a client: when its first episode began, and its last returns."""

    since: float
    returns: deque[float] = field(default_factory=lambda: deque(maxlen=_RETURNS))


class Recorder:
    """Measures each episode and keeps history, averages and the best.

    Attributes:
        history: bounded in memory.
        best: None until the moving average covers its whole window for the first time.
        clients: client -> what is known of it; of the last thousand clients.
    """

    def __init__(self, config: TelemetryConfig) -> None:
        self.history = History()
        self.best: Best | None = None
        self.clients: dict[str, ClientRecord] = {}
        self.incomplete = 0
        self._config = config
        self._metrics = MetricSet(config.metrics, config.info_metrics)
        self._averages: dict[str, MovingAverage] = {}
        self._tracker = BestTracker(config.best.mode)
        self._steps = 0
        self._time = 0.0

    @property
    def metric_names(self) -> list[str]:
        """All metrics, in the order in which they shall be shown."""
        return self._metrics.names

    @property
    def score(self) -> float | None:
        """The moving average that the best is judged by, None before it covers its window."""
        average = self._averages.get(self._config.best.metric)
        return average.mean if average is not None and average.full else None

    def add(self, report: Reported) -> Record:
        """Take in one episode."""
        episode = report.episode
        between = max(report.time - self._time, 0.0) if self._time else 0.0
        self._time = max(self._time, report.time)  # the axis never runs backwards, whatever the server's clock does
        self._steps += episode.length
        values = self._metrics.measure(episode, between) if episode.complete else {}
        record = Record(
            number=self.history.episodes + 1,
            steps=self._steps,
            time=self._time,
            iteration=episode.iteration,
            client=episode.client,
            complete=episode.complete,
            values=values,
            averages={name: self._average(name).add(value) for name, value in values.items()},
        )
        self.history.add(record)
        self._note_client(record, episode)
        self._note_best(record)
        return record

    def _average(self, name: str) -> MovingAverage:
        if name not in self._averages:
            self._averages[name] = MovingAverage(self._config.moving_average)
        return self._averages[name]

    def _note_best(self, record: Record) -> None:
        metric = self._config.best.metric
        score = self.score
        if score is not None and metric in record.values and self._tracker.add(score):
            self.best = Best(metric, score, record.number, record.steps, record.iteration, record.time)

    def _note_client(self, record: Record, episode: Episode) -> None:
        known = self.clients.pop(episode.client, None) or ClientRecord(record.time - episode.seconds)
        self.clients[episode.client] = known
        if len(self.clients) > _CLIENTS:
            del self.clients[next(iter(self.clients))]
        if record.complete:
            known.returns.append(episode.total_reward)
        else:
            self.incomplete += 1
