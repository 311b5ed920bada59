"""The results of each episode as JSON lines; the file itself remembers how far the episode stream was read."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from typing import Any

from soulsai_core.messages import Episode


class EpisodeLog:
    """Appends episodes to a file and keeps the mean return of the last ones.

    Opening an existing file goes on after its last complete line: a line torn by a kill is overwritten.

    Args:
        window: number of last complete episodes that `mean_return` averages.

    Attributes:
        count: episodes in the file.
        cursor: id of the last stream entry in the file, "" if it is empty.
    """

    def __init__(self, path: Path, window: int) -> None:
        self._path = path
        self._returns: deque[float] = deque(maxlen=window)
        self._last_numbers: dict[str, int] = {}
        self._size = 0
        self.count = 0
        self.cursor = ""
        if path.exists():
            self._recover()

    @property
    def mean_return(self) -> float | None:
        """Mean total reward of the last complete episodes, None before the first."""
        return sum(self._returns) / len(self._returns) if self._returns else None

    @property
    def window_is_full(self) -> bool:
        """True once `mean_return` averages the whole window."""
        return len(self._returns) == self._returns.maxlen

    def append(self, entries: list[tuple[str, Episode]], env_steps: int, read_to: str) -> list[Episode]:
        """Write (stream id, episode) pairs, with the environment steps admitted so far; the stream was read up to
        `read_to`. Returns the episodes that were not repeated reports.

        Raises OSError, and has then changed nothing: the same entries may be given again.
        """
        fresh: dict[str, tuple[str, Episode]] = {}
        for entry, episode in entries:
            if _number(episode.id) > self._last_numbers.get(episode.client, 0):
                fresh.setdefault(episode.id, (entry, episode))
        rows = [_row(entry, episode, env_steps) for entry, episode in fresh.values()]
        if rows:
            self._write("".join(json.dumps(row) + "\n" for row in rows).encode())
        for row in rows:
            self._count(row)
        self.cursor = read_to
        return [episode for _, episode in fresh.values()]

    def _write(self, lines: bytes) -> None:
        with self._path.open("ab") as file:
            file.truncate(self._size)  # a line that a full disk tore off goes
            file.write(lines)
        self._size += len(lines)

    def _count(self, row: dict[str, Any]) -> None:
        entry = row["entry"]
        client = row["client"]
        number = _number(row["id"])
        if row["complete"]:
            self._returns.append(float(row["total_reward"]))
        self.count += 1
        self.cursor = entry
        self._last_numbers.pop(client, None)  # to the end: the first is then the one silent for longest
        self._last_numbers[client] = number
        if len(self._last_numbers) > 1000:
            del self._last_numbers[next(iter(self._last_numbers))]

    def _recover(self) -> None:
        """What follows the last good line was torn, and will be overwritten."""
        position = 0
        with self._path.open("rb") as file:
            for line in file:
                position += len(line)
                if not line.endswith(b"\n"):
                    break
                try:
                    self._count(json.loads(line))
                except (ValueError, KeyError, TypeError, AttributeError):
                    continue
                self._size = position


def _number(identifier: str) -> int:
    _, _, number = identifier.rpartition("-")
    return int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0


def _row(entry: str, episode: Episode, env_steps: int) -> dict[str, Any]:
    return {
        "id": episode.id,
        "client": episode.client,
        "total_reward": episode.total_reward,
        "length": episode.length,
        "iteration": episode.iteration,
        "env_steps": env_steps,
        "seconds": round(episode.seconds, 3),
        "complete": episode.complete,
        "metrics": episode.metrics,
        "entry": entry,
    }
