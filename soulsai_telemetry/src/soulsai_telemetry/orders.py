"""What telemetry may ask of the training node: to save the best model, and a quicksave for who has the token."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec

from soulsai_core import Command, Reply, SoulsAIError, Transport
from soulsai_telemetry.config import BestSettings
from soulsai_telemetry.records import Record, SavedModel
from soulsai_telemetry.stats import BestTracker

log = logging.getLogger(__name__)

_PATIENCE = 60.0

Order = Callable[[str], Reply]
"""Sends the command of this name to the training node and waits for its answer; a failure is an answer, too."""


def order_through(transport: Transport) -> Order:
    """Orders over this transport."""

    def order(name: str) -> Reply:
        command = Command(uuid.uuid4().hex, name)
        try:
            answer = transport.command(command.id, msgspec.json.encode(command), _PATIENCE)
            if answer is None:
                return Reply(command.id, False, f"No training node answered within {_PATIENCE:g} s.")
            return msgspec.json.decode(answer, type=Reply)
        except (SoulsAIError, msgspec.DecodeError) as error:
            return Reply(command.id, False, str(error))

    return order


class BestModelSaver:
    """Has the best model saved whenever the score beats that of the model saved last.

    The node is asked in a thread of its own, one request at a time; what it could not do is tried again later.

    Args:
        note: file that remembers the saved model over restarts.
        best_so_far: best score of the history; where the note is lost, no worse model shall replace the saved one.
        tell: called with what was saved and at which iteration.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        order: Order,
        settings: BestSettings,
        note: Path,
        best_so_far: float | None,
        tell: Callable[[SavedModel, int], None],
        clock: Callable[[], float],
    ) -> None:
        self._order = order
        self._settings = settings
        self._note = note
        self._tell = tell
        self._clock = clock
        self._tracker = BestTracker(settings.mode)
        self._tried: float | None = None
        self._thread: threading.Thread | None = None
        self.saved = self._read()
        self._bar = best_so_far if self.saved is None else self.saved.score

    def consider(self, score: float | None, record: Record) -> None:
        """This is the score after this episode; ask for a save if it is the best. Returns at once."""
        if not self._settings.save or score is None or not self._tracker.beats(score, self._bar):
            return
        if self._thread is not None and self._thread.is_alive():
            return
        now = self._clock()
        if self._tried is not None and now - self._tried < self._settings.interval_s:
            return
        self._tried = now
        self._thread = threading.Thread(target=self._save, args=(score, record), name="best-keeper", daemon=True)
        self._thread.start()

    def close(self, timeout: float) -> None:
        """Wait for a request that is under way."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _save(self, score: float, record: Record) -> None:
        reply = self._order("save_best")
        if not reply.ok:
            log.warning("The best model could not be saved: %s", reply.detail)
            return
        self._bar = score
        self.saved = SavedModel(
            self._settings.metric, self._settings.mode, score, record.number, record.time, reply.detail
        )
        self._write(self.saved)
        self._tell(self.saved, record.iteration)

    def _read(self) -> SavedModel | None:
        try:
            saved = msgspec.json.decode(self._note.read_bytes(), type=SavedModel)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            log.warning("%s cannot be read, so the best model is judged by the history: %s", self._note, error)
            return None
        same = (saved.metric, saved.mode) == (self._settings.metric, self._settings.mode)
        return saved if same else None

    def _write(self, saved: SavedModel) -> None:
        fresh = self._note.with_name(self._note.name + ".new")
        try:
            fresh.write_bytes(msgspec.json.encode(saved))
            fresh.replace(self._note)
        except OSError as error:
            log.error("%s cannot be written: %s", self._note, error)
