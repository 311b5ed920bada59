"""Appends records in a thread of its own, and syncs them in another one, so that no update waits for the disk.

If a write fails, the disk is full or hangs, the records wait in memory, and are written once there is room. Of more
than fits into this memory the oldest are given up: the training goes on, and status and log say what is not saved.
"""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from soulsai_core.journal.disk import Disk, OpenFile
from soulsai_core.journal.records import Header, Limits, Record
from soulsai_core.journal.segments import End, file_name
from soulsai_core.threads import BackgroundWorker, RetryingThread

log = logging.getLogger(__name__)

SEGMENT_BYTES = 64 * 2**20
"""Size at which a new segment is begun."""

MEMORY_BYTES = 256 * 2**20
"""Records that may wait in memory while the disk fails."""

SYNC_INTERVAL = 0.5
"""Seconds between two syncs. In a power cut what was written since the last one may be lost: with the time of the sync
itself about a second."""

_RETRY = 1.0
"""Seconds after which a write that failed is tried again."""

_LATE = 2.0
"""Seconds after which a write that has not come back is a problem."""

_IDLE = 0.1
"""Seconds that the writing thread waits at a time. It is not woken for each record: that would cost the loop more than
all the rest."""

_BATCH_BYTES = 2**20
"""Bytes that are put together for one write, about."""


class _Waiting(NamedTuple):
    """A record that is not written yet, with its number and the rows admitted before it."""

    number: int
    rows_before: int
    record: Record


class Journal(BackgroundWorker):
    """The journal of a run, to be appended to from one thread.

    Args:
        folder: of the segments.
        end: where the journal ends; the next record gets this number.
        limits: by what messages are judged.
        clock: monotonic seconds.
        segment_bytes: size at which a new segment is begun; None: SEGMENT_BYTES.

    Attributes:
        folder: of the segments.
        end: number of the next record, and rows admitted before it.
        given_up: rows that are in no file, since the disk failed for too long.
    """

    def __init__(
        self,
        folder: Path,
        end: End,
        limits: Limits,
        clock: Callable[[], float],
        rng: random.Random,
        disk: Disk | None = None,
        segment_bytes: int | None = None,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self.folder = folder
        self.end = end
        self.given_up = 0
        self._limits = limits
        self._clock = clock
        self._disk = disk or Disk()
        self._segment_bytes = SEGMENT_BYTES if segment_bytes is None else segment_bytes
        self._memory_bytes = memory_bytes
        # Guards the queue and the counters. No file is written or synced under it: the loop must not wait for the disk.
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._wanted = False
        self._written = end.record
        self._synced = end.record
        self._file: OpenFile | None = None
        self._file_bytes = 0
        self._next_in_file = 0
        # Files whose writing is over, to be synced and closed, and the newest file.
        self._to_close: list[OpenFile] = []
        self._failure: OSError | None = None
        self._sync_failure: OSError | None = None
        self._busy_since: float | None = None
        self._thread = RetryingThread("journal", self._write_step, rng)
        self._syncing = RetryingThread("journal-sync", self._sync_step, rng)
        self._stopped = threading.Event()

    # -- for the loop

    def continue_at(self, end: End) -> None:
        """The next record has this place. To be called before `start`."""
        self.end = end
        self._written = end.record
        self._synced = end.record

    def append(self, record: Record) -> None:
        """Write this record soon."""
        with self._changed:
            self._waiting.append(_Waiting(*self.end, record))
            self._waiting_bytes += record.size
            self.end = End(self.end.record + 1, self.end.rows + record.rows)
            # The newest record stays, even if it alone is larger than the memory for all.
            while self._waiting_bytes > self._memory_bytes and len(self._waiting) > 1:
                self._give_up()
            if self._waiting_bytes > _BATCH_BYTES and not self._wanted:
                self._want()

    def _want(self) -> None:
        self._wanted = True
        self._changed.notify_all()

    def wake(self) -> None:
        """Write what waits now, not a little later."""
        if self._waiting:
            with self._changed:
                self._want()

    def _give_up(self) -> None:
        oldest = self._waiting.popleft()
        self._waiting_bytes -= oldest.record.size
        self.given_up += oldest.record.rows
        self._written = max(self._written, oldest.number + 1)

    @property
    def written(self) -> int:
        """All records before this number are written: they outlive the process. While the disk fails it is the number
        of those that are received, so that clients go on."""
        return self.end.record if self.problem else self._written

    @property
    def released(self) -> int:
        """Records before this number need not stay in the server."""
        return self._written

    def wait_written(self, timeout: float) -> bool:
        """Wait until everything is written. Returns whether it is."""
        with self._changed:
            self._want()
            return self._changed.wait_for(lambda: self._written >= self.end.record, timeout)

    def wait_synced(self, record: int, timeout: float) -> bool:
        """Wait until all records before this number are synced: they outlive a power cut. Returns whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: self._synced >= record, timeout)

    def flush(self) -> None:
        """Write and sync everything in the calling thread, where the journal's own threads are not started. Raises
        OSError."""
        self._write_all()
        self._sync_written()
        failure = self._failure or self._sync_failure
        if failure is not None:
            raise failure

    @property
    def problem(self) -> str:
        """A sentence on what is not safe just now, "" if everything is."""
        since = self._busy_since
        failure = self._failure or self._sync_failure
        if failure is not None:
            what = f"cannot be written ({failure.strerror or failure})"
        elif since is not None and self._clock() - since > _LATE:
            what = "is not written, since the disk does not answer"
        else:
            return ""
        lost = f"; {self.given_up} older rows are in no file" if self.given_up else ""
        return f"The journal {self.folder} {what}: {len(self._waiting)} messages wait in memory{lost}."

    # -- the thread that writes

    def start(self) -> None:
        super().start()
        self._syncing.start()

    def check(self) -> None:
        super().check()
        self._syncing.check()

    def stop(self) -> None:
        """Nothing yet: a checkpoint that is being written needs the journal until `close`."""

    def close(self) -> None:
        """Write and sync what waits, as far as the disk takes it."""
        super().stop()
        self._syncing.stop()
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()
        ended = self._thread.join(_LATE + _IDLE)
        # Only if both threads have ended: two that write to one file would mix their records.
        if self._syncing.join(_LATE) and ended:
            self._write_all()
            self._finish_file()
            self._sync_written()
        if self.problem or not ended:
            log.error("%s They are lost.", self.problem or f"The journal {self.folder} is still being written.")

    def _write_step(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._wanted or self._stopped.is_set(), _IDLE)
            self._wanted = False
        self._write_all()
        if self._failure is not None:
            self._stopped.wait(_RETRY)

    def _write_all(self) -> None:
        """Write what waits. An OSError is kept in `_failure`."""
        while batch := self._next_batch():
            self._busy_since = self._clock()
            try:
                self._write(batch)
            except OSError as error:
                self._failed(error)
                return
            finally:
                self._busy_since = None
            self._done(batch)

    def _next_batch(self) -> list[_Waiting]:
        """Records of consecutive numbers that are written together. They stay in the queue."""
        batch: list[_Waiting] = []
        size = 0
        with self._changed:
            for waiting in self._waiting:
                if size > _BATCH_BYTES or (batch and waiting.number != batch[-1].number + 1):
                    break
                batch.append(waiting)
                size += waiting.record.size
        return batch

    def _write(self, batch: list[_Waiting]) -> None:
        first = batch[0]
        if self._file is not None and (self._file_bytes > self._segment_bytes or first.number != self._next_in_file):
            self._finish_file()
        if self._file is None:
            self._begin_file(first)
        data = b"".join([part for waiting in batch for part in waiting.record.encoded()])
        assert self._file is not None
        self._file.write(data)
        self._file_bytes += len(data)
        self._next_in_file = batch[-1].number + 1

    def _begin_file(self, first: _Waiting) -> None:
        self._disk.make_folder(self.folder)
        file = self._disk.create(self.folder / file_name(first.number))
        self._file = file
        header = Header(first.number, first.rows_before, self._limits).encoded()
        file.write(header)
        self._file_bytes = len(header)
        # The name must survive a power cut, too: a record in a file without a name is lost.
        self._disk.sync_folder(self.folder)

    def _finish_file(self) -> None:
        if self._file is not None:
            with self._changed:
                self._to_close.append(self._file)
                self._file = None

    def _done(self, batch: list[_Waiting]) -> None:
        if self._failure is not None:
            log.warning("The journal %s can be written again.", self.folder)
        self._failure = None
        with self._changed:
            last = batch[-1].number
            # Those that were given up meanwhile are no longer in the queue.
            while self._waiting and self._waiting[0].number <= last:
                self._waiting_bytes -= self._waiting.popleft().record.size
            self._written = max(self._written, last + 1)
            self._changed.notify_all()

    def _failed(self, error: OSError) -> None:
        if self._failure is None:
            log.error("The journal %s cannot be written: %s. Training goes on; trying again.", self.folder, error)
        self._failure = error
        # A part of the batch may be in the file: what follows must not lie behind it.
        self._finish_file()

    # -- the thread that syncs

    def _sync_step(self) -> None:
        self._sync_written()
        self._stopped.wait(SYNC_INTERVAL)

    def _sync_written(self) -> None:
        with self._changed:
            # Read before the files are synced, so that all that it counts is in them.
            written = self._written
            closing = list(self._to_close)
            current = self._file
        if written > self._synced or closing:
            self._sync(closing, current, written)

    def _sync(self, closing: list[OpenFile], current: OpenFile | None, written: int) -> None:
        try:
            for file in closing:
                file.sync()
                file.close()
                self._to_close.remove(file)
            if current is not None and current not in closing:
                current.sync()
        except OSError as error:
            if self._sync_failure is None:
                log.error("The journal %s cannot be synced: %s. Training goes on; trying again.", self.folder, error)
            self._sync_failure = error
            return
        self._sync_failure = None
        with self._changed:
            self._synced = max(self._synced, written)
            self._changed.notify_all()
