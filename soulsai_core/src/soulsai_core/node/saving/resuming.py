"""Resuming: the learner gets its rows back from the journal, and goes on on a server in which an earlier node left a
newer model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import msgspec
import numpy as np

from soulsai_core import checkpoint
from soulsai_core.contracts import Learner, Transport
from soulsai_core.errors import CheckpointError, WireError
from soulsai_core.journal import segments
from soulsai_core.journal.disk import Disk
from soulsai_core.journal.records import CLIENTS, MESSAGE, RESUMED, TAKEN, UPDATE, Record
from soulsai_core.journal.segments import End, Entry, Segment
from soulsai_core.messages import UNREADABLE, Progress, Weights
from soulsai_core.node.formatting import count, counted, word
from soulsai_core.node.intake import Intake
from soulsai_core.node.pacing import UpdatePace
from soulsai_core.node.saving.saver import Counters
from soulsai_core.node.saving.storage import Storage
from soulsai_core.node.state import Origin, RunState
from soulsai_core.run_folder import RunFolder
from soulsai_core.steps import StepBatch
from soulsai_core.wire import decode_weights

log = logging.getLogger(__name__)

NOTHING = Counters(0, 0, 0.0, 0, 0, 0, 0, {}, [])
"""Counters of a run that was killed before its first checkpoint."""


class Resuming:
    """Loads a checkpoint, and brings back what the journal has.

    Args:
        folder: of the run.
        storage, intake, state, pace: of the same node.
        elapsed: takes the seconds that were trained before.
        exact: what followed the checkpoint is removed, since it is played again.

    Attributes:
        resumed: whether the training is one that goes on.
        counters: of the checkpoint that was loaded.
    """

    def __init__(
        self,
        folder: RunFolder,
        learner: Learner,
        storage: Storage,
        intake: Intake,
        state: RunState,
        pace: UpdatePace,
        elapsed: Callable[[float], object],
        *,
        exact: bool = False,
        disk: Disk | None = None,
    ) -> None:
        self.resumed = False
        self._folder = folder
        self._learner = learner
        self._storage = storage
        self._intake = intake
        self._state = state
        self._pace = pace
        self._elapsed = elapsed
        self._exact = exact
        self._disk = disk or Disk()
        self._path: Path | None = None
        self.counters = NOTHING
        self._unreadable = 0

    def load(self, path: Path | None) -> None:
        """Load the checkpoint at `path`; None: there is none, and the training goes on from its journal alone.

        Raises CheckpointError if the checkpoint does not fit this training.
        """
        counters = NOTHING if path is None else self._storage.saver.read(path)
        if counters.serial is not None and not self._exact:
            raise CheckpointError(
                f"{path} is of a serial training: resume it with --serial, or begin a new run with its weights: "
                f"soulsai train --from {word(path)}"
            )
        self.resumed = True
        self._path = path
        self.counters = counters
        self._state.iteration = counters.iteration
        self._state.env_steps = counters.env_steps
        self._state.origin = counters.origin
        self._pace.rows = counters.due
        self._pace.owed = counters.owed
        self._elapsed(counters.elapsed)
        self._storage.continue_at(End(counters.record, counters.rows))

    def bring_back(self) -> None:
        """Fill the learner again. To be called once at each start, before the first message is taken in."""
        if self._storage.journal is None:
            log.warning(
                "training.journal is off: after a crash what was received since the last checkpoint is lost, and a "
                "resumed training begins with an empty replay buffer."
            )
        if self.resumed or not self._state.origin.steps:  # otherwise the learner has what the journal has
            self._bring_back()

    def _bring_back(self) -> None:
        counters = self.counters
        folder = self._folder.journal
        newest = self.resumed and not self._exact and self._path in (None, self._folder.checkpoint)
        if not newest:
            # The training goes on as if there had been nothing after the checkpoint.
            segments.cut(folder, counters.record, self._disk)
        end = segments.repair(folder, self._disk)
        for client, number in counters.numbers.items():
            self._intake.ledger.restore(client, number)
        own = None if self._path is None else checkpoint.journal_of(self._path)
        found = segments.find(folder, *([] if own is None else [own]))
        self._restore(found)
        if counters.clients:
            self._learner.clients_changed(frozenset(counters.clients))
        if newest:
            self._take_in(segments.read(found, counters.record))
        if self._unreadable:
            log.warning(
                "%d messages in the journal do not fit the columns of this training and are left out: the settings of "
                "environment or algorithm have changed.",
                self._unreadable,
            )
        rows = self._state.env_steps + self._state.origin.steps
        self._storage.continue_at(End(max(end.record, counters.record), rows))

    def go_on_after(self, newest: tuple[int, bytes] | None, model: Callable[[], Weights]) -> None:
        """Choose the iteration to go on with.

        Args:
            newest: iteration and payload of the model in the server. Clients hold it, and may have made rows with it,
                so that another model must have a higher number.
            model: gives the learner's.
        """
        if newest is None:
            return
        iteration, payload = newest
        state = self._state
        if state.iteration > iteration or (state.iteration == iteration and _is(model(), payload)):
            return
        journal = self._storage.journal
        if journal is not None:
            journal.append(Record(msgspec.msgpack.encode(iteration + 1), state.iteration, kind=RESUMED))
        state.iteration = iteration + 1

    def _restore(self, found: list[Segment]) -> None:
        """Bring back the rows before the checkpoint."""
        if self._path is None:
            return
        counters = self.counters
        reach = self._learner.reach()
        first = counters.rows - reach
        restored = 0
        if reach:
            for entry in segments.read(segments.needed(found, first), stop=counters.record):
                restored += self._restore_one(entry, first)
            log.info("%s of %s were read back from the journal.", count(restored), counted(reach, "step"))
        self._learner.restored(complete=restored == reach)

    def _restore_one(self, entry: Entry, first: int) -> int:
        """Bring back one message's rows from the number `first` on; returns how many these are."""
        record = entry.record
        skipped = first - entry.rows_before
        if record.kind not in (MESSAGE, TAKEN):
            if record.kind == CLIENTS and skipped <= 0:
                self._learner.clients_changed(_names(record.payload))
            return 0
        if skipped > 0 and skipped >= record.rows:
            return 0
        message = self._read(entry)
        if message is None:
            return 0
        client, _, steps = message
        steps = steps.part(skipped, len(steps))
        if len(steps) or steps.closed is not None:
            self._learner.restore(steps, client)
        return len(steps)

    def _take_in(self, entries: Iterable[Entry]) -> None:
        """Take in the messages after the checkpoint."""
        rows = 0
        for entry in entries:
            record = entry.record
            if record.kind == UPDATE and self._learner.ready() is not None:
                self._learner.update()
                self._learner.updated(record.iteration)
            # Another learner makes up for updates together with new ones, and gets only their number.
            self._state.iteration = max(self._state.iteration, record.iteration)
            if record.kind == CLIENTS:
                self._learner.clients_changed(_names(record.payload))
            elif record.kind == RESUMED:
                self._state.iteration = msgspec.msgpack.decode(record.payload, type=int)
            elif record.kind == MESSAGE:
                rows += self._take_in_one(entry)
            elif record.kind == TAKEN:
                self._begin_again(entry)
        if rows:
            log.info("%s admitted after the checkpoint are learned from again.", counted(rows, "step"))

    def _take_in_one(self, entry: Entry) -> int:
        """Take in one message; returns its rows."""
        message = self._read(entry)
        if message is None:
            return 0
        client, number, steps = message
        self._intake.ledger.restore(client, number)
        if len(steps) or steps.closed is not None:
            self._learner.add(steps, client)
            self._state.env_steps += len(steps)
            if self._learner.ready() is None:
                self._pace.owed += len(steps)
        return len(steps)

    def _begin_again(self, entry: Entry) -> None:
        """Give the learner a message of another run again, where the checkpoint after it is missing."""
        message = self._read(entry)
        if message is not None:
            client, _, steps = message
            self._learner.begin_with(steps, client)
            origin = self._state.origin
            self._state.origin = Origin(origin.text, origin.steps + len(steps))

    def _read(self, entry: Entry) -> tuple[str, int, StepBatch] | None:
        try:
            if entry.record.kind == TAKEN:
                client, steps = self._intake.taken(entry.record.payload)
                return client, 0, steps
            return self._intake.repeat(entry.record.payload, entry.record.iteration, entry.limits)
        except WireError:
            self._unreadable += 1
            return None


def resume_on_server(transport: Transport, run_id: str) -> tuple[int, bytes] | None:
    """Prepare the server to go on with a training. What another training left is removed.

    Returns: iteration and payload of the model that this training left there, None without one. Clients may hold it,
    and iterations must never run backwards.
    """
    if _run_id_in(transport) not in (None, run_id):
        transport.clear()
        return None
    return transport.read_model(-1)


def _run_id_in(transport: Transport) -> str | None:
    """The training that published the progress in the server, None without one."""
    payload = transport.read_progress()
    if payload is None:
        return None
    try:
        return msgspec.msgpack.decode(payload, type=Progress).run_id
    except UNREADABLE:
        return "unreadable"


def _is(model: Weights, payload: bytes) -> bool:
    """Whether the payload has exactly this model."""
    try:
        other = decode_weights(model.iteration, payload)
    except WireError:
        return False
    return other.arrays.keys() == model.arrays.keys() and all(
        np.array_equal(array, other.arrays[name]) for name, array in model.arrays.items()
    )


def _names(payload: bytes) -> frozenset[str]:
    names: Collection[str] = msgspec.msgpack.decode(payload, type=list[str])
    return frozenset(names)
