"""What a client sends at a time: messages of steps, and what the node is told with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from soulsai_core.steps import StepBatch


@dataclass(frozen=True, slots=True)
class Message:
    """A batch of rows and its number, counted from 1."""

    number: int
    batch: StepBatch

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return sum(column.nbytes for column in (*self.batch.columns.values(), *self.batch.after.values()))


class Chunk(NamedTuple):
    """Messages to send now.

    Attributes:
        first: number of the oldest message that may still come.
        attempt: how often the client has begun again with its oldest message.
        waiting: rows of the messages that follow.
        node: id of the node that was heard last.
    """

    messages: tuple[Message, ...]
    first: int
    attempt: int
    waiting: int
    node: str
