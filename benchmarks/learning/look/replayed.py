"""What the replay buffer of a checkpoint holds, read from the run's journal and the saved priorities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.common import decoder_of
from benchmarks.learning.look.loading import LoadedRun
from soulsai_core import ACTION, REWARD, Arrays, End, StepBatch, checkpoint
from soulsai_core.hooks.observers import Observers
from soulsai_core.journal import segments
from soulsai_core.journal.records import MESSAGE
from soulsai_core.node.intake import Intake
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.steps import END, ITERATION, POSITION, ROWS, START, STREAM

_SAMPLE = 4096
"""Rows whose observations are looked at, about."""


@dataclass(slots=True)
class Replayed:
    """The n rows in the replay buffer, the oldest first.

    Attributes:
        iterations: (n,), of the model that acted.
        actions, rewards: (n,), rewards as the environment gave them.
        terminated, truncated: bool (n,).
        episodes: (row of its end, return, length) of each episode that is there from its start to its end.
        features: name -> (m, ...), the features of some of the observations; without stacks, so empty where the network
            sees stacks.
        priorities: (n,), as they are drawn by; None if draws are uniform, or if not all rows could be read.
    """

    iterations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    episodes: list[tuple[int, float, int]]
    features: Arrays
    priorities: np.ndarray | None

    def __len__(self) -> int:
        return len(self.rewards)


def replayed_of(run: LoadedRun, rng: np.random.Generator) -> Replayed | None:
    """The rows that the learner had; None if the run has no journal or the checkpoint no rows."""
    messages = list(_messages(run))
    batches = [steps for _, steps in messages]
    rows = sum(map(len, batches))
    if not rows:
        return None
    share = min(_SAMPLE / rows, 1.0)
    features = [] if run.config.frame_stack else [_some(run, batch, share, rng) for batch in batches]
    ends = np.concatenate([batch.ends for batch in batches])
    priority = run.arrays.get("replay", {}).get("priority")
    return Replayed(
        np.concatenate([batch.per_row(ITERATION) for batch in batches]),
        np.concatenate([batch.columns[ACTION] for batch in batches]),
        np.concatenate([batch.columns[REWARD] for batch in batches]),
        ends == End.TERMINATED,
        ends == End.TRUNCATED,
        _episodes(messages),
        {name: np.concatenate([one[name] for one in features]) for name in features[0]} if features else {},
        priority if priority is not None and len(priority) == rows else None,
    )


def _messages(run: LoadedRun) -> Iterator[tuple[str, StepBatch]]:
    """(client, admitted steps) of each message that reaches into the replay buffer."""
    counters = run.counters
    own = checkpoint.journal_of(run.model)
    found = segments.find(run.folder.journal, *([] if own is None else [own]))
    first = counters.env_steps - counters.reach
    resolved = run.resolved
    sync = resolved.algorithm.sync(resolved.algorithm_config)
    intake = Intake(run.folder.name, decoder_of(resolved), sync, NodeMetrics(), Observers())
    for entry in segments.read(segments.needed(found, first), stop=counters.record):
        skipped = first - entry.rows_before
        if entry.record.kind == MESSAGE and skipped < entry.record.rows:
            client, _, steps = intake.repeat(entry.record.payload, entry.record.iteration, entry.limits)
            yield client, steps.part(skipped, len(steps))


def _some(run: LoadedRun, batch: StepBatch, share: float, rng: np.random.Generator) -> Arrays:
    """The features of a random share of the rows."""
    chosen = rng.random(len(batch)) < share
    return run.features.of({name: rows[chosen] for name, rows in batch.columns.items()})


@dataclass(slots=True)
class _Going:
    """An episode that goes on: position of its next row, and its return and length so far."""

    position: int
    total: float = 0.0
    length: int = 0


def _episodes(messages: list[tuple[str, StepBatch]]) -> list[tuple[int, float, int]]:
    """See `Replayed.episodes`."""
    going: dict[tuple[str, int], _Going] = {}
    found = []
    row = 0
    for client, batch in messages:
        rewards = np.split(batch.columns[REWARD], batch.firsts[1:])
        for segment, own in zip(batch.segments.tolist(), rewards, strict=True):
            row += segment[ROWS]
            episode = _Going(segment[POSITION]) if segment[START] else going.pop((client, segment[STREAM]), None)
            if episode is None or episode.position != segment[POSITION]:
                continue  # its beginning is not there, or rows are missing
            episode.position += segment[ROWS]
            episode.total += float(own.sum(dtype=np.float64))
            episode.length += segment[ROWS]
            if segment[END] in (End.TERMINATED, End.TRUNCATED):
                found.append((row - 1, episode.total, episode.length))
            elif segment[END] == End.GOES_ON:
                going[client, segment[STREAM]] = episode
    return found
