"""A run in a few numbers, kept in its folder for lists of runs and for those who open it after its end."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from soulsai_core.app import UNREADABLE, judge, last_status
from soulsai_telemetry.config import TelemetryConfig
from soulsai_telemetry.history.records import BestScore, SavedModel, TrainingStatus
from soulsai_telemetry.history.update import HistoryUpdate
from soulsai_telemetry.run_view import RunView

log = logging.getLogger(__name__)


class RunSummary(msgspec.Struct, frozen=True):
    """The run as the telemetry node saw it last.

    Attributes:
        episodes, steps: recorded, the latter the sum of their lengths.
        metric, window: the best model is the one with the best mean of `metric` over `window` episodes.
        average: that mean at the end, None before the first episode.
        best: the highest such mean.
        saved: the model that was saved as the best one.
    """

    status: TrainingStatus
    episodes: int
    steps: int
    metric: str
    window: int
    average: float | None
    best: BestScore | None
    saved: SavedModel | None


def summarize(status: TrainingStatus, update: HistoryUpdate, config: TelemetryConfig) -> RunSummary:
    """The summary now."""
    averages = update.history.curve(config.best.metric, points=1).average
    return RunSummary(
        status=status,
        episodes=update.history.episodes,
        steps=round(update.history.extent("step")[1]),
        metric=config.best.metric,
        window=config.window,
        average=float(averages[-1]) if len(averages) else None,
        best=update.best,
        saved=update.saved,
    )


def read_summary(file: Path) -> RunSummary | None:
    """The summary in a file, None if there is none or it cannot be read."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=RunSummary)
    except FileNotFoundError:
        return None
    except (OSError, *UNREADABLE) as error:
        log.warning("%s cannot be read and is left out: %s", file, error)
        return None


def status_on_disk(view: RunView, summary: RunSummary | None, now: float) -> TrainingStatus | None:
    """The last status of a run: the training node's own if it can be seen, else the one in the summary, else None.

    Args:
        now: seconds since 1970.
    """
    found = last_status(view.folder, now)
    if found is None and summary is None:
        return None
    clients = [] if summary is None else summary.status.clients
    if found is not None:
        node, health = found
        return TrainingStatus(node.time, health, node, clients, 0.0, 0.0)
    assert summary is not None
    seen = summary.status
    health = judge(seen.node, age=max(now - seen.time, 0.0), now=now)
    return TrainingStatus(seen.time, health, seen.node, clients, 0.0, 0.0)
