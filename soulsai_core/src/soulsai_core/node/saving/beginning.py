"""The beginning of a run that takes over what another one has.

All of it is in the run's own folder before the training begins: the steps in its journal, the rest in its first
checkpoint. A run that was killed before that has not begun, and one that was killed later goes on without the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from soulsai_core.contracts import Learner
from soulsai_core.errors import CheckpointError, WireError
from soulsai_core.journal.journal import Journal
from soulsai_core.journal.records import CLIENTS, TAKEN, Record
from soulsai_core.node.intake import Intake
from soulsai_core.node.saving.saver import Saver
from soulsai_core.node.state import Origin, RunState
from soulsai_core.run_folder import RunFolder
from soulsai_core.steps import StepBatch, left_out, taken
from soulsai_core.wire import encode_steps

_FLUSH_BYTES = 32 * 2**20
"""Bytes after which the journal is written: it would give up records of which too many wait."""


@dataclass(slots=True)
class TakenSteps:
    """What became of the steps of another run.

    Attributes:
        rows: that were taken.
        columns: names of columns that this run does not have.
        unfit: why rows do not fit -> their number.
    """

    rows: int = 0
    columns: set[str] = field(default_factory=set)
    unfit: dict[str, int] = field(default_factory=dict)

    def leave_out(self, reason: str, rows: int) -> None:
        """Count rows that do not fit."""
        if rows:
            self.unfit[reason] = self.unfit.get(reason, 0) + rows


class Beginning:
    """To be used before the training begins.

    Args:
        journal: None if the run has none.
        folder, learner, saver, intake, state: of the same training.
    """

    def __init__(
        self,
        folder: RunFolder,
        learner: Learner,
        journal: Journal | None,
        saver: Saver,
        intake: Intake,
        state: RunState,
    ) -> None:
        self._folder = folder
        self._learner = learner
        self._journal = journal
        self._saver = saver
        self._intake = intake
        self._state = state
        self._unwritten = 0

    def take(self, messages: Iterable[tuple[str, StepBatch]]) -> TakenSteps:
        """Give the learner the steps of another run, (client, steps) for each message in their old order, and write
        them to the journal. They are not judged by freshness, and count neither as steps of this run nor toward an
        update.

        Raises CheckpointError if they cannot be written.
        """
        found = TakenSteps()
        columns = self._intake.taken_columns
        reasons: dict[str, str] = {}
        for number, (client, steps) in enumerate(messages, start=1):
            wanted = self._intake.wanted(steps)
            found.leave_out("steps of other sources are not learned from", len(steps) - len(wanted))
            if not len(wanted):
                continue
            found.columns |= left_out(wanted, columns)
            payload = encode_steps(self._folder.name, client, number, taken(wanted, columns))
            try:
                _, ours = self._intake.taken(payload)
            except WireError as error:
                # The first one stands for all with other numbers in it.
                reason = reasons.setdefault(error.reason, str(error).removeprefix(f"{error.reason}: "))
                found.leave_out(reason, len(wanted))
                continue
            self._learner.begin_with(ours, client)
            self._keep(Record(payload, 0, len(ours), TAKEN))
            found.rows += len(ours)
        # None of these clients goes on.
        self._learner.clients_changed(frozenset())
        self._keep(Record(msgspec.msgpack.encode([]), 0, kind=CLIENTS))
        self._flush()
        self._state.origin = Origin(steps=found.rows)
        return found

    def save(self, origin: str) -> None:
        """Write the first checkpoint, so that a kill loses nothing of what the run begins with.

        Args:
            origin: what the run begins with, for people.

        Raises CheckpointError if it cannot be written.
        """
        self._state.origin = Origin(origin, self._state.origin.steps)
        try:
            self._saver.write_first(self._saver.snapshot())
        except OSError as error:
            raise CheckpointError(f"The first checkpoint cannot be written: {error.strerror or error}.") from error

    def _keep(self, record: Record) -> None:
        if self._journal is None:
            return
        self._journal.append(record)
        self._unwritten += record.size
        if self._unwritten > _FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._journal is None:
            return
        self._unwritten = 0
        try:
            self._journal.flush()
        except OSError as error:
            raise CheckpointError(
                f"The steps cannot be written to {self._journal.folder}: {error.strerror or error}."
            ) from error
