"""What the journal of a run is good for once it has ended: its steps are a data set, and a learner that gets them again
in the order of their arrival becomes the same model."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from soulsai_core import checkpoint
from soulsai_core.assembly.node import node_parts
from soulsai_core.assembly.saved_settings import saved_settings
from soulsai_core.contracts import Learner
from soulsai_core.errors import CheckpointError
from soulsai_core.journal import segments
from soulsai_core.journal.records import CLIENTS, MESSAGE, RESUMED
from soulsai_core.journal.segments import Entry
from soulsai_core.node.intake import Intake, announced_decoder
from soulsai_core.node.saving.saver import EVALUATION
from soulsai_core.run_folder import RunFolder
from soulsai_core.steps import StepBatch
from soulsai_core.transport.memory import MemoryTransport

log = logging.getLogger(__name__)


class KeptSteps(NamedTuple):
    """One message.

    Attributes:
        client: that sent it.
        iteration: of the newest model when it was admitted.
        steps: those that were admitted.
    """

    client: str
    iteration: int
    steps: StepBatch


def kept_steps(run: Path | str) -> Iterator[KeptSteps]:
    """The steps that the journal of a run has, in the order of their arrival: all of them with the setting
    `training.keep_steps`, otherwise those that the replay buffer needs. Steps of another run with which it began are
    left out.

    Args:
        run: the run's folder.

    Raises CheckpointError if it has no journal.
    """
    reader = _Reader(RunFolder(Path(run)))
    for entry in segments.read(reader.found):
        if entry.record.kind == MESSAGE:
            yield reader.message(entry)


def learned_again(run: Path | str) -> Learner:
    """A new learner that has learned from the journal of a run what the run's own had learned at its newest checkpoint:
    the same steps in the same order, with an update wherever there was one.

    Its weights are the same bit for bit on the same machine with the same packages, if the run was neither resumed nor
    had an outage, if none of its settings was changed meanwhile, and if its learner made no use of spare time.

    Args:
        run: the run's folder, with all of its steps (`training.keep_steps`).

    Raises CheckpointError if steps are missing, or if the run began with the weights or steps of another one.
    """
    reader = _Reader(RunFolder(Path(run)))
    _, counters = checkpoint.read_part(reader.folder.checkpoint, EVALUATION)
    if origin := counters["origin"]["text"]:
        raise CheckpointError(f"{run} began with {origin}: only a run that began anew is learned again.")
    if reader.found[0].header.first > 0:
        raise CheckpointError(
            f"The journal of {run} lacks its first steps: only those of a run with training.keep_steps=true are all "
            "kept."
        )
    if reader.folder.changes.exists():
        log.warning("Settings of %s were changed while it ran: what is learned again is not the same.", run)
    learner = reader.learner
    learner.started(resumed=False)
    iteration = 0
    for entry in segments.read(reader.found, stop=counters["record"]):
        iteration = _update_until(learner, iteration, entry.record.iteration)
        if entry.record.kind == MESSAGE:
            message = reader.message(entry)
            if len(message.steps) or message.steps.closed is not None:
                learner.add(message.steps, message.client)
        elif entry.record.kind == CLIENTS:
            learner.clients_changed(frozenset(msgspec.msgpack.decode(entry.record.payload, type=list[str])))
        elif entry.record.kind == RESUMED:
            iteration = msgspec.msgpack.decode(entry.record.payload, type=int)
    _update_until(learner, iteration, counters["iteration"])
    learner.stopped()
    return learner


def _update_until(learner: Learner, iteration: int, wanted: int) -> int:
    """Make updates until this iteration, which is returned."""
    while iteration < wanted:
        learner.update()
        iteration += 1
        learner.updated(iteration)
    return max(iteration, wanted)


class _Reader:
    """Reads the messages of a run's journal with the run's settings."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.found = segments.find(folder.journal)
        if not self.found:
            raise CheckpointError(f"There is no journal in {folder.path}.")
        # Without connectors: they would report a training that does not take place.
        parts = node_parts(saved_settings(folder, ["connectors=[]"]), MemoryTransport(), folder)
        self.learner: Learner = parts["learner"]
        decoder = announced_decoder(parts["announcement"], int(parts["settings"].max_message_mb * 2**20))
        self._intake = Intake(folder.name, decoder, parts["sync"], parts["metrics"], parts["observers"])

    def message(self, entry: Entry) -> KeptSteps:
        """A message. Raises WireError if it does not fit the run's columns."""
        client, _, steps = self._intake.repeat(entry.record.payload, entry.record.iteration, entry.limits)
        return KeptSteps(client, entry.record.iteration, steps)
