"""What a run keeps on the disk: its journal and its checkpoints."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from soulsai_core.config import TrainingSettings
from soulsai_core.contracts import Learner
from soulsai_core.hooks.observers import Observers
from soulsai_core.journal.journal import Journal
from soulsai_core.journal.segments import End
from soulsai_core.messages import Announcement
from soulsai_core.node.health.problems import Problems
from soulsai_core.node.intake import Intake
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.node.saving.beginning import Beginning
from soulsai_core.node.saving.journaling import Journaling
from soulsai_core.node.saving.saver import CheckpointOptions, Counters, Saver
from soulsai_core.node.saving.saving_thread import SavingThread, try_write
from soulsai_core.node.schedule import CheckpointSchedule
from soulsai_core.node.state import RunState
from soulsai_core.run_folder import RunFolder
from soulsai_core.threads import BackgroundWorker


class Storage:
    """To be used by the loop's thread, but for `journal_problem`.

    Args:
        release: takes the id of the last message in the server that is not needed there any more.
        counters: gives the node's counters at each checkpoint.

    Attributes:
        journal: None if it is switched off.
        journaling: takes each judged message.
        saver: writes and reads checkpoints.
        saving: writes them in a thread.
        schedule: of periodic checkpoints.
        beginning: for a run that takes over what another one has.
    """

    def __init__(
        self,
        *,
        learner: Learner,
        announcement: Announcement,
        folder: RunFolder,
        settings: TrainingSettings,
        state: RunState,
        intake: Intake,
        release: Callable[[str], object],
        counters: Callable[[], Counters],
        observers: Observers,
        metrics: NodeMetrics,
        problems: Problems,
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._folder = folder
        self._state = state
        self._metrics = metrics
        self._problems = problems
        self._clock = clock
        self._end = End()
        self.journal = Journal(folder.journal, End(), intake.limits, clock, rng) if settings.journal else None
        self.journaling = Journaling(self.journal, intake.ledger, release)
        self.saver = Saver(
            learner,
            announcement,
            folder,
            observers,
            counters,
            self.journal,
            settings.checkpoints_kept,
            best_kept=settings.best_models_kept,
            keep_steps=settings.keep_steps,
        )
        self.saving = SavingThread(self.saver, rng)
        self.beginning = Beginning(folder, learner, self.journal, self.saver, intake, state)
        self.schedule = CheckpointSchedule(settings.checkpoint_every, settings.checkpoint_every_s, clock)

    @property
    def threads(self) -> tuple[BackgroundWorker, ...]:
        """Those of the journal and of the checkpoints. The last one is closed first."""
        return (self.saving,) if self.journal is None else (self.journal, self.saving)

    def journal_problem(self) -> str:
        """A sentence on what the journal cannot write just now, "" if there is nothing. May be called by any thread."""
        return "" if self.journal is None else self.journal.problem

    @property
    def next_record(self) -> int:
        """Number of the journal's next record. Without a journal that of the one which an earlier process kept in the
        folder: what is before it has been learned from, and must not be taken in again."""
        return self._end.record if self.journal is None else self.journal.end.record

    def continue_at(self, end: End) -> None:
        """The journal goes on here."""
        self._end = end
        if self.journal is not None:
            self.journal.continue_at(end)

    def save_if_due(self) -> None:
        """Between two updates: begin the next checkpoint that is due or asked for, unless one is being written."""
        state = self._state
        if self.schedule.due(state.iteration, state.env_steps) and not self.saving.busy:
            self.schedule.made(state.iteration, state.env_steps)
            options = CheckpointOptions(kind="periodic")
            self.saving.request(lambda: self._folder.checkpoint, options, self._periodic_written)
        if not self.saving.can_begin:  # asked for each message: nearly always there is nothing to do
            return
        began = self._clock()
        if self.saving.hand_over():
            self._metrics.checkpoint_seconds.set(self._clock() - began)

    def _periodic_written(self, path: Path, problem: str | None) -> None:
        if problem is not None:
            self.schedule.failed()
        self._written(problem)

    def _written(self, problem: str | None) -> None:
        self._problems.note("checkpoint", problem)
        self._state.checkpoints += problem is None

    def save_last(self) -> str | None:
        """Write the last checkpoint. Returns None, or the sentence that says why it could not be written."""
        self.saving.finish()
        options = CheckpointOptions(kind="final")
        problem = try_write(self.saver, self._folder.checkpoint, self.saver.snapshot(), options)
        self._written(problem)
        return problem
