"""Checkpoints of the training node: the learner's state together with the node's counters. And resuming from one, on
a server in which an earlier node left a newer model."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from soulsai_core import checkpoint
from soulsai_core.contracts import Learner, Transport
from soulsai_core.errors import CheckpointError
from soulsai_core.messages import Announcement, Progress, State, Weights
from soulsai_core.observers import Observers

log = logging.getLogger(__name__)

EVALUATION = "evaluation"
"""Name of the part of a checkpoint that the node adds to the learner's: the weights with which agents act."""


@dataclass(frozen=True, slots=True)
class CheckpointOptions:
    """Options of one checkpoint.

    Attributes:
        buffer: whether the replay buffer is a part of it.
        kind: "periodic", "final", "quicksave" or "best", for observers.
        evaluated: the model to act with, in place of the learner's newest.
    """

    buffer: bool = True
    kind: str = "quicksave"
    evaluated: Weights | None = None


class Counters(msgspec.Struct, frozen=True):
    """The node's part of a checkpoint.

    Attributes:
        iteration: of the newest model.
        env_steps: environment steps admitted.
        elapsed: seconds of training.
        due: admitted rows for which no update was made yet.
        evaluated: iteration of the weights with which agents act, if it is not the newest.
    """

    iteration: int
    env_steps: int
    elapsed: float
    due: int
    evaluated: int | None = None


class Saver:
    """Writes and reads the checkpoints of one training.

    Args:
        announcement: a checkpoint must have the same algorithm, environment and spaces.
        counters: gives the node's counters at each checkpoint.
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
        """Write a checkpoint to `path`, completely or not at all."""
        counters = self._counters()
        state = self._learner.save(buffer=options.buffer)
        if EVALUATION in state.arrays:
            raise CheckpointError(f"The learner saved a part named {EVALUATION!r}, which the node adds: rename it.")
        acting = self._learner.evaluation_weights() if options.evaluated is None else options.evaluated.arrays
        state = State({**state.arrays, EVALUATION: acting}, state.values)
        if options.evaluated is not None:
            counters = msgspec.structs.replace(counters, evaluated=options.evaluated.iteration)
        checkpoint.write(path, state, msgspec.to_builtins(counters), self._identity)
        self._observers.emit("checkpoint_saved", path=path, iteration=counters.iteration, kind=options.kind)

    def try_write(self, path: Path, options: CheckpointOptions) -> str | None:
        """Write a checkpoint. Returns None, or the sentence, also logged, that says why it could not be written."""
        try:
            self.write(path, options)
        except (OSError, CheckpointError) as error:
            problem = f"The checkpoint at {path} could not be written: {error}"
            log.error(problem)
            return problem
        return None

    def read(self, path: Path) -> Counters:
        """Load the learner's state from the checkpoint at `path`. Returns the node's counters.

        Raises CheckpointError if it does not fit this training.
        """
        state, node = checkpoint.read(path, self._identity)
        state.arrays.pop(EVALUATION, None)
        self._learner.load(state)
        return _counters(path, node)


def evaluation_weights(path: Path) -> Weights:
    """The weights with which agents act, from the checkpoint at `path`. Its other parts are not read.

    Raises CheckpointError if they are missing or damaged.
    """
    arrays, node = checkpoint.read_part(path, EVALUATION)
    counters = _counters(path, node)
    iteration = counters.iteration if counters.evaluated is None else counters.evaluated
    return Weights(iteration, arrays, counters.env_steps)


def resume_on_server(transport: Transport, run_id: str, iteration: int) -> int:
    """Prepare the server to go on with a training at a checkpoint's iteration. What another training left is removed.

    Returns: the iteration to begin with. Clients may hold newer models than the checkpoint, and iterations must never
    run backwards, so it is larger than that of any model in the server.
    """
    if _run_id_in(transport) not in (None, run_id):
        transport.clear()
        return iteration
    newer = transport.read_model(iteration)
    return iteration if newer is None else newer[0] + 1


def _run_id_in(transport: Transport) -> str | None:
    """The training that published the progress in the server, None without one."""
    payload = transport.read_progress()
    if payload is None:
        return None
    try:
        return msgspec.msgpack.decode(payload, type=Progress).run_id
    except msgspec.DecodeError:
        return "unreadable"


def _counters(path: Path, node: dict[str, Any]) -> Counters:
    try:
        return msgspec.convert(node, Counters)
    except msgspec.ValidationError as error:
        raise CheckpointError(f"{path} lacks the node's counters: {error}.") from error
