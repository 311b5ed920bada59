"""From episode reports to the run's history: the same reports always give the same history."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import msgspec

from soulsai_core import Episode
from soulsai_telemetry.config import TelemetryConfig
from soulsai_telemetry.history.agreement import Agreement
from soulsai_telemetry.history.averages import BestTracker, MovingAverage
from soulsai_telemetry.history.evaluations import EvaluatedModels
from soulsai_telemetry.history.history import History
from soulsai_telemetry.history.metrics import EVALUATION, MetricSet
from soulsai_telemetry.history.records import BestScore, Candidate, EpisodeRecord

_MAX_CLIENTS = 1000
# Episodes in the mean return that is shown of a client.
_RETURNS = 20


class EpisodeReport(msgspec.Struct, frozen=True):
    """A reported episode as the telemetry node keeps it on disk.

    Attributes:
        entry: id of its entry in the episode stream.
        time: when it was reported, in seconds since 1970.
        number: of the episode in the run, from 1; 0 in files that do not have it.
        steps: environment steps of all episodes of training before it.
    """

    entry: str
    time: float
    episode: Episode
    number: int = 0
    steps: int = 0


@dataclass(slots=True)
class ClientHistory:
    """When a client's first episode began, in seconds since 1970, and the returns of its last ones."""

    since: float
    returns: deque[float] = field(default_factory=lambda: deque(maxlen=_RETURNS))

    @property
    def mean_return(self) -> float | None:
        """Mean return of the last episodes, None before the first."""
        return sum(self.returns) / len(self.returns) if self.returns else None


class HistoryBuilder:
    """Computes each episode's metrics and their moving averages, and keeps the history and the best score.

    Args:
        best_since: number of the last episode that does not count for the best score.

    Attributes:
        history: of the whole run, in bounded memory.
        best: None until the moving average covers its whole window for the first time. Once a model was evaluated,
            evaluations alone decide.
        newest: the newest episode, None before the first.
        candidate: the model that may be the best after the newest episode, if there is one.
        clients: client -> its history; the last thousand clients.
        incomplete: episodes that an environment's failure cut short.
    """

    def __init__(self, config: TelemetryConfig, best_since: int = 0) -> None:
        self.history = History()
        self.best: BestScore | None = None
        self.newest: EpisodeRecord | None = None
        self.candidate: Candidate | None = None
        self.clients: dict[str, ClientHistory] = {}
        self.incomplete = 0
        self._config = config
        self._window = config.window
        self._metrics = MetricSet(config.metrics, config.info_metrics)
        self._averages: dict[str, MovingAverage] = {}
        self._tracker = BestTracker(config.best.mode)
        self._agreement = Agreement(self._window, config.best.mode)
        self._evaluations = EvaluatedModels(config.best.mode)
        self._by_evaluation = False
        self._best_since = best_since
        self._steps = 0
        self._time = 0.0

    @property
    def metric_names(self) -> list[str]:
        """All metrics, in the order in which they are shown."""
        return self._metrics.names

    @property
    def steps(self) -> int:
        """Environment steps of all episodes of training."""
        return self._steps

    @property
    def _score(self) -> float | None:
        """The score that decides which model is the best: what the contributors agree on (see `Agreement`); None
        before the moving average covers its window."""
        average = self._averages.get(self._config.best.metric)
        return self._agreement.score if average is not None and average.full else None

    def reset_best(self) -> int:
        """Forget the best score, and all episodes that it could come from. Returns the number of the last one."""
        self.best = None
        self._tracker = BestTracker(self._config.best.mode)
        self._agreement = Agreement(self._window, self._config.best.mode)
        self._evaluations = EvaluatedModels(self._config.best.mode)
        self._by_evaluation = False
        self._best_since = self.history.episodes
        return self._best_since

    def add(self, report: EpisodeReport) -> EpisodeRecord:
        """Take in one episode."""
        episode = report.episode
        between = max(report.time - self._time, 0.0) if self._time else 0.0
        # Never backwards, even if the server's clock was set back: the history needs a rising time axis.
        self._time = max(self._time, report.time)
        # The file may begin in the middle of the run: its oldest reports are dropped when it becomes too large.
        self._steps = max(self._steps, report.steps) + trained_steps(episode)
        values = self._metrics.measure(episode, between) if episode.complete else {}
        record = EpisodeRecord(
            number=max(self.history.episodes + 1, report.number),
            steps=self._steps,
            time=self._time,
            iteration=episode.iteration,
            client=episode.client,
            complete=episode.complete,
            values=values,
            averages={name: self._average(name, episode).add(value) for name, value in values.items()},
        )
        self.history.add(record)
        self.newest = record
        self._update_client(record, episode)
        self.candidate = self._find_candidate(record, episode) if record.number > self._best_since else None
        if self.candidate is not None and self._tracker.add(self.candidate.score):
            found = self.candidate
            self.best = BestScore(found.metric, found.score, record.number, record.steps, record.iteration, record.time)
        return record

    def _average(self, name: str, episode: Episode) -> MovingAverage:
        if name not in self._averages:
            self._averages[name] = MovingAverage(episode.evaluation or self._window)
        return self._averages[name]

    def _find_candidate(self, record: EpisodeRecord, episode: Episode) -> Candidate | None:
        metric = f"{EVALUATION if episode.evaluation else ''}{self._config.best.metric}"
        value = record.values.get(metric)
        if value is None:
            return None
        if not episode.evaluation:
            self._agreement.add(record.client, value, record.time)
            score = None if self._by_evaluation else self._score
            return None if score is None else Candidate(metric, score)
        score = self._evaluations.add(episode.iteration, episode.client, value, episode.evaluation)
        if score is None:
            return None
        if not self._by_evaluation:
            # What exploring agents reached cannot be compared with it.
            self._by_evaluation = True
            self._tracker = BestTracker(self._config.best.mode)
        return Candidate(metric, score, episode.iteration)

    def _update_client(self, record: EpisodeRecord, episode: Episode) -> None:
        client = self.clients.pop(episode.client, None) or ClientHistory(record.time - episode.seconds)
        self.clients[episode.client] = client  # to the end: the first is then the one silent for longest
        if len(self.clients) > _MAX_CLIENTS:
            del self.clients[next(iter(self.clients))]
        if episode.evaluation:
            return
        if record.complete:
            client.returns.append(episode.total_reward)
        else:
            self.incomplete += 1


def trained_steps(episode: Episode) -> int:
    """Environment steps from which was learned: none of an evaluation."""
    return 0 if episode.evaluation else episode.length


def entry_time(identifier: str) -> float | None:
    """When a stream's entry was made, in seconds since 1970.

    Redis begins the id of an entry with its own time in milliseconds. None for an id of another form.
    """
    milliseconds, dash, _ = identifier.partition("-")
    return int(milliseconds) / 1000 if dash and milliseconds.isdigit() else None
