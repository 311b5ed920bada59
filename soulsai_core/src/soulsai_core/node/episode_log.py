"""The results of each episode as JSON lines; the file itself remembers how far the episode stream was read."""

from __future__ import annotations

from collections import deque
from itertools import islice
from pathlib import Path

import msgspec

from soulsai_core.messages import Episode, episode_number
from soulsai_core.node.health.returns import ReturnTrend
from soulsai_core.node.json_lines import MAX_BYTES, JsonLines
from soulsai_core.node.status.node_status import Trend

# Clients whose last episode number is remembered. A report of a client forgotten since could count twice.
_MAX_CLIENTS = 1000
# Metrics of the newest episode that are shown.
_MAX_METRICS = 12


class EpisodeRow(msgspec.Struct, frozen=True):
    """An episode as the training node keeps it: one line of `episodes.jsonl`.

    Attributes:
        env_steps: environment steps admitted in the whole run when it was reported.
        entry: id of its entry in the episode stream.
        number: of the episode in the run, from 1; 0 in files that do not have it.
        evaluation: as in `Episode`.
    """

    id: str
    client: str
    total_reward: float
    length: int
    iteration: int
    env_steps: int
    seconds: float
    complete: bool = True
    metrics: dict[str, float] = {}
    entry: str = ""
    number: int = 0
    evaluation: int = 0

    @classmethod
    def of(cls, episode: Episode, entry: str, env_steps: int, number: int) -> EpisodeRow:
        """The row of a reported episode."""
        return cls(
            id=episode.id,
            client=episode.client,
            total_reward=episode.total_reward,
            length=episode.length,
            iteration=episode.iteration,
            env_steps=env_steps,
            seconds=round(episode.seconds, 3),
            complete=episode.complete,
            metrics=episode.metrics,
            entry=entry,
            number=number,
            evaluation=episode.evaluation,
        )

    @property
    def episode(self) -> Episode:
        """The episode as its client reported it."""
        return Episode(
            id=self.id,
            client=self.client,
            total_reward=self.total_reward,
            length=self.length,
            iteration=self.iteration,
            seconds=self.seconds,
            complete=self.complete,
            metrics=self.metrics,
            evaluation=self.evaluation,
        )


class EpisodeLog:
    """Appends episodes to a file and keeps the mean return of the last ones.

    Opening an existing file continues after its last complete line: a line torn by a kill is overwritten.

    Args:
        window: number of last complete episodes that `mean_return` averages.
        max_bytes: of the file, before a new one begins (see `JsonLines`).

    Attributes:
        newest_metrics: metrics of the newest complete episode of training, the first ones.
        count: episodes of the run, with those that are no longer in the file.
        best_return: highest mean return of a full window, and the environment steps at which it was reached; None
            before the first.
        cursor: id of the last stream entry in the file, "" if it is empty.
    """

    def __init__(self, path: Path, window: int, max_bytes: int = MAX_BYTES) -> None:
        self._file = JsonLines(path, EpisodeRow, max_bytes)
        self._returns: deque[float] = deque(maxlen=window)
        self._last_numbers: dict[str, int] = {}
        self._trend = ReturnTrend()
        self.best_return: tuple[float, int] | None = None
        self.newest_metrics: dict[str, float] = {}
        self.count = 0
        self.cursor = ""
        for row in self._file.read():
            self._count(row)

    @property
    def mean_return(self) -> float | None:
        """Mean total reward of the last complete episodes of training, None before the first."""
        return sum(self._returns) / len(self._returns) if self._returns else None

    @property
    def window_is_full(self) -> bool:
        """True once `mean_return` averages the whole window."""
        return len(self._returns) == self._returns.maxlen

    @property
    def averaged(self) -> int:
        """Number of episodes that `mean_return` averages."""
        return len(self._returns)

    @property
    def trend(self) -> Trend | None:
        """Whether returns rise, None until there are enough."""
        return self._trend.trend()

    def read_from_the_first(self) -> None:
        """The server is an empty one: if its clock is behind, ids there are lower than those from before. Episodes that
        are sent again are known by their numbers."""
        self.cursor = ""

    def append(self, entries: list[tuple[str, Episode]], env_steps: int, read_to: str) -> list[Episode]:
        """Write (stream id, episode) pairs, with the environment steps admitted so far; the stream was read up to
        `read_to`. Returns the episodes that were not repeated reports.

        Raises OSError, and has then changed nothing: the same entries may be given again.
        """
        fresh: dict[str, tuple[str, Episode]] = {}
        for entry, episode in entries:
            if episode_number(episode.id) > self._last_numbers.get(episode.client, 0):
                fresh.setdefault(episode.id, (entry, episode))
        numbered = enumerate(fresh.values(), self.count + 1)
        rows = [EpisodeRow.of(episode, entry, env_steps, number) for number, (entry, episode) in numbered]
        if rows:
            self._file.append(rows)
        for row in rows:
            self._count(row)
        self.cursor = read_to
        return [episode for _, episode in fresh.values()]

    def _count(self, row: EpisodeRow) -> None:
        if row.complete and not row.evaluation:
            self._returns.append(row.total_reward)
            self._trend.add(row.total_reward)
            self.newest_metrics = dict(islice(row.metrics.items(), _MAX_METRICS))
            mean = self.mean_return
            if mean is not None and self.window_is_full and (self.best_return is None or mean > self.best_return[0]):
                self.best_return = (mean, row.env_steps)
        self.count = row.number or self.count + 1
        self.cursor = row.entry
        last = self._last_numbers.pop(row.client, 0)  # to the end: the first is then the one silent for longest
        self._last_numbers[row.client] = max(last, episode_number(row.id))
        if len(self._last_numbers) > _MAX_CLIENTS:
            del self._last_numbers[next(iter(self._last_numbers))]
