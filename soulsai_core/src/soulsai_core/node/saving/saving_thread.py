"""Checkpoints are written in a thread of their own, one at a time, so that no update waits for the disk."""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from soulsai_core.errors import CheckpointError
from soulsai_core.node.saving.saver import CheckpointOptions, Saver, Snapshot
from soulsai_core.threads import BackgroundWorker, RetryingThread

log = logging.getLogger(__name__)

_IDLE = 0.5
"""Seconds that the thread waits for a snapshot at a time."""

_FINISH_TIMEOUT = 60.0
"""Seconds that the end of a training waits for a checkpoint that is being written."""

Done = Callable[[Path, str | None], object]
"""Called with the path of a checkpoint and None, or the sentence that says why it could not be written."""


@dataclass(frozen=True, slots=True)
class _Request:
    path: Callable[[], Path]
    options: CheckpointOptions
    done: Done


@dataclass(frozen=True, slots=True)
class _Job:
    path: Path
    options: CheckpointOptions
    done: Done
    snapshot: Snapshot


class SavingThread(BackgroundWorker):
    """Writes checkpoints while the training goes on. `request`, `hand_over` and `finish` are called by the loop."""

    def __init__(self, saver: Saver, rng: random.Random) -> None:
        self._saver = saver
        # Without a lock: the loop's thread alone appends and takes.
        self._requests: deque[_Request] = deque()
        self._changed = threading.Condition()
        self._job: _Job | None = None
        self._thread = RetryingThread("checkpoints", self._step, rng)

    def request(self, path: Callable[[], Path], options: CheckpointOptions, done: Done) -> None:
        """Write a checkpoint as soon as those before it are written.

        Args:
            path: gives the place once it is this one's turn.
            done: called in the thread at its end.
        """
        self._requests.append(_Request(path, options, done))

    @property
    def busy(self) -> bool:
        """Whether a checkpoint is asked for or being written."""
        return bool(self._requests) or self._job is not None

    @property
    def can_begin(self) -> bool:
        """Whether a checkpoint is asked for and none is being written."""
        return bool(self._requests) and self._job is None

    def hand_over(self) -> bool:
        """Make a snapshot for the next request, if there is one and nothing is being written. Returns whether it
        did."""
        if not self.can_begin:
            return False
        request = self._requests.popleft()
        path = request.path()
        try:
            job = _Job(path, request.options, request.done, self._saver.snapshot(request.options.evaluated))
        except CheckpointError as error:
            request.done(path, said(path, error))
            return False
        with self._changed:
            self._job = job
            self._changed.notify_all()
        return True

    def finish(self) -> None:
        """Write all that was asked for, up to a limit of time."""
        while self.busy:
            self.hand_over()
            with self._changed:
                if not self._changed.wait_for(lambda: self._job is None, _FINISH_TIMEOUT):
                    log.error("Writing a checkpoint has taken %g s; it is not waited for any longer.", _FINISH_TIMEOUT)
                    return

    def stop(self) -> None:
        super().stop()
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Let the thread end after the checkpoint that it writes."""
        self.stop()
        self._thread.join(_FINISH_TIMEOUT)

    def _step(self) -> None:
        with self._changed:
            if self._job is None:
                self._changed.wait(_IDLE)
            job = self._job
        if job is None:
            return
        try:
            job.done(job.path, try_write(self._saver, job.path, job.snapshot, job.options))
        finally:
            with self._changed:
                self._job = None
                self._changed.notify_all()


def try_write(saver: Saver, path: Path, snapshot: Snapshot, options: CheckpointOptions) -> str | None:
    """Write a checkpoint. Returns None, or the sentence, also logged, that says why it could not be written."""
    try:
        saver.write(path, snapshot, options)
    except (OSError, CheckpointError) as error:
        return said(path, error)
    return None


def said(path: Path, error: Exception) -> str:
    """Log that a checkpoint could not be written, and return the sentence."""
    problem = f"The checkpoint at {path} could not be written: {str(error).rstrip('.')}."
    log.error(problem)
    return problem
