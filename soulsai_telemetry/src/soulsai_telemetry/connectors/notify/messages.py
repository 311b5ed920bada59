"""Messages for people, and the sentence that sums up what went on since the last one."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from soulsai_core.app import formatting
from soulsai_telemetry.connectors.notify.config import Event
from soulsai_telemetry.history.records import BestScore, TrainingStatus


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes:
        event: why it is sent.
        title: in a few words, with the run's name.
        urgent: whether someone should look soon.
        picture: whether the figure of the run belongs to it.
    """

    event: Event
    title: str
    text: str
    urgent: bool = False
    picture: bool = False

    @property
    def ends(self) -> bool:
        """Whether it is the last one of a training."""
        return self.event in ("finished", "failed")


class Moment(msgspec.Struct, frozen=True):
    """How far the training was when the last message was sent; `time` is in seconds since 1970."""

    time: float
    steps: int
    episodes: int
    mean_return: float | None

    @classmethod
    def of(cls, status: TrainingStatus) -> Moment:
        """The moment of this status."""
        return cls(status.time, status.node.env_steps, status.node.episodes, status.node.mean_return)


@dataclass
class Counts:
    """What happened since the last message, in addition to steps and episodes."""

    joined: int = 0
    lost: int = 0
    checkpoints: int = 0


def summary(before: Moment, status: TrainingStatus, counts: Counts, best: BestScore | None) -> str:
    """What went on between `before` and `status`, in one sentence."""
    node = status.node
    # A node that was resumed from an earlier checkpoint may have fewer than before.
    parts = [
        formatting.counted(max(node.env_steps - before.steps, 0), "step"),
        formatting.counted(max(node.episodes - before.episodes, 0), "episode"),
    ]
    if node.mean_return is not None:
        change = "" if before.mean_return is None else f" (before: {formatting.number(before.mean_return)})"
        parts.append(f"mean return {formatting.number(node.mean_return)}{change}")
    if best is not None:
        parts.append(f"best {best.metric} {formatting.number(best.score)}")
    if counts.joined or counts.lost:
        parts.append(f"{formatting.counted(counts.joined, 'client')} joined and {formatting.count(counts.lost)} left")
    if counts.checkpoints:
        parts.append(formatting.counted(counts.checkpoints, "checkpoint"))
    return f"In {formatting.duration(status.time - before.time)} since the last message: {', '.join(parts)}."


def result(status: TrainingStatus, best: BestScore | None) -> str:
    """What a whole run has come to, in one sentence."""
    node = status.node
    parts = [formatting.counted(node.env_steps, "step"), formatting.counted(node.episodes, "episode")]
    if node.mean_return is not None:
        parts.append(f"mean return {formatting.number(node.mean_return)}")
    if best is not None:
        parts.append(f"best {best.metric} {formatting.number(best.score)} at episode {formatting.count(best.episode)}")
    return f"{formatting.duration(node.elapsed)}: {', '.join(parts)}."
