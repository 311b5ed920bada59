"""Checkpoints as the training node makes them: the learner's state together with the node's counters."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from soulsai_core import checkpoint
from soulsai_core.contracts import Learner
from soulsai_core.errors import CheckpointError
from soulsai_core.messages import Announcement, State, Weights
from soulsai_core.observers import Observers

log = logging.getLogger(__name__)

EVALUATION = "evaluation"
"""Part of a checkpoint that the node adds to the learner's: the weights with which agents play."""


@dataclass(frozen=True, slots=True)
class CheckpointOptions:
    """What goes into a checkpoint: `buffer` includes the replay buffer, `kind` is told to observers."""

    buffer: bool = True
    kind: str = "quicksave"


class Counters(msgspec.Struct, frozen=True):
    """Where the node was: newest iteration, environment steps admitted, seconds of training, and admitted rows for
    which no update was made yet."""

    iteration: int
    env_steps: int
    elapsed: float
    due: int


class Saver:
    """Writes and reads a node's checkpoints.

    Args:
        announcement: what a checkpoint must agree with: algorithm, environment and spaces.
        counters: asked for at each checkpoint.
    """

    def __init__(
        self, learner: Learner, announcement: Announcement, observers: Observers, counters: Callable[[], Counters]
    ) -> None:
        self._learner = learner
        self._observers = observers
        self._counters = counters
        self._identity = {
            "algorithm": announcement.algorithm["name"],
            "environment": announcement.spec.name,
            "spaces": msgspec.to_builtins(announcement.spec),
        }

    def write(self, path: Path, options: CheckpointOptions) -> None:
        """Write a checkpoint to `path`, complete or not at all."""
        counters = self._counters()
        state = self._learner.save(buffer=options.buffer)
        if EVALUATION in state.arrays:
            raise CheckpointError(f"The learner saved a part named {EVALUATION!r}, which the node adds: rename it.")
        state = State({**state.arrays, EVALUATION: self._learner.evaluation_weights()}, state.values)
        checkpoint.write(path, state, msgspec.to_builtins(counters), self._identity)
        self._observers.emit("checkpoint_saved", path=path, iteration=counters.iteration, kind=options.kind)

    def try_write(self, path: Path, options: CheckpointOptions) -> str | None:
        """`write`, but what is in the way, such as a full disk, is logged and returned as a sentence."""
        try:
            self.write(path, options)
        except (OSError, CheckpointError) as error:
            problem = f"The checkpoint at {path} could not be written: {error}"
            log.error(problem)
            return problem
        return None

    def read(self, path: Path) -> Counters:
        """Bring the learner to the checkpoint at `path`; returns the node's counters.

        Raises CheckpointError if it does not fit this training.
        """
        state, node = checkpoint.read(path, self._identity)
        state.arrays.pop(EVALUATION, None)
        self._learner.load(state)
        return _counters(path, node)


def evaluation_weights(path: Path) -> Weights:
    """The weights with which to play from the checkpoint at `path`. They alone are read, whatever else it holds.

    Raises CheckpointError if they are missing or damaged.
    """
    arrays, node = checkpoint.read_part(path, EVALUATION)
    counters = _counters(path, node)
    return Weights(counters.iteration, arrays, counters.env_steps)


def _counters(path: Path, node: dict[str, Any]) -> Counters:
    try:
        return msgspec.convert(node, Counters)
    except msgspec.ValidationError as error:
        raise CheckpointError(f"{path} lacks the node's counters: {error}.") from error
