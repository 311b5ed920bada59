"""Checkpoints of the training node: the learner's state together with the node's counters. And resuming from one, on
a server in which an earlier node left a newer model."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from soulsai_core import checkpoint
from soulsai_core.contracts import Learner
from soulsai_core.errors import CheckpointError
from soulsai_core.hooks.observers import Observers
from soulsai_core.journal import segments
from soulsai_core.journal.disk import Disk
from soulsai_core.journal.journal import Journal
from soulsai_core.messages import Announcement, State, Weights
from soulsai_core.node.state import NOTHING, Origin
from soulsai_core.run_folder import RunFolder

log = logging.getLogger(__name__)

EVALUATION = "evaluation"
"""Name of the part of a checkpoint that the node adds to the learner's: the weights with which agents act."""

_SYNC_TIMEOUT = 30.0
"""Seconds that a checkpoint waits for the journal to be synced up to its position, and for one before it that is still
being written by another thread."""


@dataclass(frozen=True, slots=True)
class CheckpointOptions:
    """Options of one checkpoint.

    Attributes:
        buffer: whether it includes the rows of the replay buffer, so that it is complete wherever it is copied to. The
            newest checkpoint of a run does not need it, since it lies next to the journal.
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
        owed: those of an earlier process, for which updates are made together with new ones.
        record: number of the journal's first record that is not a part of the checkpoint.
        reach: rows before it that the learner needs.
        numbers: client -> number of its last message that was received.
        clients: those that were connected.
        evaluated: iteration of the weights with which agents act, if it is not the newest.
        serial: where a serial training goes on with its episodes; None for others.
        origin: what it began with.
    """

    iteration: int
    env_steps: int
    elapsed: float
    due: int
    owed: int
    record: int
    reach: int
    numbers: dict[str, int]
    clients: list[str]
    evaluated: int | None = None
    serial: dict[str, Any] | None = None
    origin: Origin = NOTHING

    @property
    def rows(self) -> int:
        """Rows in the journal before `record`, whether or not they are still there."""
        return self.env_steps + self.origin.steps


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a checkpoint is written from. It does not change while the training goes on."""

    state: State
    counters: Counters


class Saver:
    """Makes snapshots, writes them, and reads checkpoints of one training.

    Args:
        announcement: a checkpoint must have the same algorithm, environment and spaces.
        counters: gives the node's counters at each checkpoint.
        journal: of the run, None without one.
        kept: checkpoints of the run that are kept, the newest one included.
        best_kept: best models that are kept, the best one included.
        keep_steps: the journal keeps all steps, not only those that the newest checkpoint needs.
    """

    def __init__(
        self,
        learner: Learner,
        announcement: Announcement,
        folder: RunFolder,
        observers: Observers,
        counters: Callable[[], Counters],
        journal: Journal | None,
        kept: int = 1,
        *,
        best_kept: int = 1,
        keep_steps: bool = False,
        disk: Disk | None = None,
    ) -> None:
        self._learner = learner
        self._folder = folder
        self._observers = observers
        self._counters = counters
        self._journal = journal
        self._kept = {folder.checkpoint: (kept, folder.earlier), folder.best_model: (best_kept, folder.earlier_best)}
        self._keep_steps = keep_steps
        self._disk = disk or Disk()
        # The last checkpoint of a training waits for the thread that writes another one, but not for ever.
        self._writing = threading.Lock()
        self._identity = {
            "algorithm": announcement.algorithm["name"],
            "environment": announcement.spec.name,
            "spaces": msgspec.to_builtins(announcement.spec),
        }

    def snapshot(self, evaluated: Weights | None = None) -> Snapshot:
        """The state now, between two updates, with the model to act with if it is not the learner's newest. Raises
        CheckpointError if it cannot be written."""
        state = self._learner.save()
        if EVALUATION in state.arrays:
            raise CheckpointError(f"The learner saved a part named {EVALUATION!r}, which the node adds: rename it.")
        counters = self._counters()
        acting = self._learner.evaluation_weights() if evaluated is None else evaluated.arrays
        if evaluated is not None:
            counters = msgspec.structs.replace(counters, evaluated=evaluated.iteration)
        return Snapshot(State({**state.arrays, EVALUATION: acting}, state.values), counters)

    def write(self, path: Path, snapshot: Snapshot, options: CheckpointOptions) -> None:
        """Write a checkpoint to `path`, completely or not at all. May be called in another thread than `snapshot`."""
        if not self._writing.acquire(timeout=_SYNC_TIMEOUT):
            raise OSError("the checkpoint before it is still being written")
        try:
            self._write(path, snapshot, options)
        finally:
            self._writing.release()
        self._observers.emit("checkpoint_saved", path=path, iteration=snapshot.counters.iteration, kind=options.kind)

    def write_first(self, snapshot: Snapshot) -> None:
        """Write the checkpoint of a run that has not begun: no observer has heard of it, and none hears of this."""
        self._write(self._folder.checkpoint, snapshot, CheckpointOptions())

    def _write(self, path: Path, snapshot: Snapshot, options: CheckpointOptions) -> None:
        counters = snapshot.counters
        journal = self._journal
        # First: a checkpoint must not refer to records that a power cut would take.
        if journal is not None and not journal.wait_synced(counters.record, _SYNC_TIMEOUT):
            raise OSError(f"the journal {journal.folder} cannot be synced to the disk")
        newest = path == self._folder.checkpoint
        checkpoint.write(
            path,
            snapshot.state,
            msgspec.to_builtins(counters),
            self._identity,
            link=lambda folder: self._link(folder, counters, options, copies=not newest),
            keep=self._keep_replaced(path, counters),
            disk=self._disk,
        )
        # Only now: until this checkpoint is complete, the one before it needs its rows.
        if newest and journal is not None and not self._keep_steps:
            segments.remove_before(journal.folder, counters.rows - counters.reach, self._disk)

    def _link(self, folder: Path, counters: Counters, options: CheckpointOptions, *, copies: bool) -> dict[str, int]:
        """Put the rows that the learner needs into a checkpoint. That of the run itself does not need them, so they
        are not copied for it where the file system has no links: that would be the whole journal once a minute."""
        if self._journal is None or not options.buffer:
            return {}
        found = segments.needed(segments.find(self._journal.folder), counters.rows - counters.reach)
        return segments.link(found, folder, counters.record, self._disk, copies=copies)

    def _keep_replaced(self, path: Path, counters: Counters) -> Callable[[Path], None] | None:
        """What keeps the checkpoint that one with these counters replaces at `path`; None if it is removed."""
        kept, earlier = self._kept.get(path, (1, path))
        return partial(self._keep, counters=counters, earlier=earlier, kept=kept - 1) if kept > 1 else None

    def _keep(self, old: Path, counters: Counters, earlier: Path, kept: int) -> None:
        """Keep a checkpoint in the folder `earlier`, and there the newest `kept` of them. Not one of the same model as
        the new one, such as the last one of a training that was saved a moment before its end."""
        _, node = checkpoint.read_part(old, EVALUATION)
        iteration = _acting_iteration(_counters(old, node))
        if iteration == _acting_iteration(counters):
            return
        self._disk.make_folder(earlier)
        place = earlier / f"iteration-{iteration:08d}"
        self._disk.remove(place)
        self._disk.rename(old, place)
        # In the order of their iterations: names are filled with zeros.
        for path in sorted(earlier.iterdir())[:-kept]:
            self._disk.remove(path)

    def read(self, path: Path) -> Counters:
        """Load the learner's state from the checkpoint at `path`. Returns the node's counters.

        Raises CheckpointError if it does not fit this training.
        """
        state, node = checkpoint.read(path, self._identity)
        # Added by the node (see `snapshot`): the learner does not know this part.
        state.arrays.pop(EVALUATION, None)
        self._learner.load(state)
        return _counters(path, node)


def evaluation_weights(path: Path) -> Weights:
    """The weights with which agents act, from the checkpoint at `path`. Its other parts are not read.

    Raises CheckpointError if they are missing or damaged.
    """
    arrays, node = checkpoint.read_part(path, EVALUATION)
    counters = _counters(path, node)
    return Weights(_acting_iteration(counters), arrays, counters.env_steps)


def _acting_iteration(counters: Counters) -> int:
    """Of the model with which agents act."""
    return counters.iteration if counters.evaluated is None else counters.evaluated


def _counters(path: Path, node: dict[str, Any]) -> Counters:
    try:
        return msgspec.convert(node, Counters)
    except msgspec.ValidationError as error:
        raise CheckpointError(f"{path} lacks the node's counters: {error}.") from error
