"""Has the training node save the best model."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from soulsai_core import replace_bytes
from soulsai_core.app import UNREADABLE
from soulsai_telemetry.commands import SendCommand
from soulsai_telemetry.config import BestSettings
from soulsai_telemetry.history.averages import BestTracker
from soulsai_telemetry.history.metrics import EVALUATION
from soulsai_telemetry.history.records import BestScore, Candidate, EpisodeRecord, SavedModel

log = logging.getLogger(__name__)

RESET = "reset-best"
"""Name of the file with which `soulsai reset-best` asks to judge the best model anew."""


class BestModelSaver:
    """Has the best model saved whenever the score is better than that of the model saved last.

    The training node is asked from a thread, one request at a time. After a failure the next better score tries again.

    Args:
        file: remembers the saved model over restarts.
        best_so_far: of the history. Where the file is lost, no worse model may replace the saved one.
        on_saved: called with the saved model and the episode after which it was the best, from the thread.
        clock: monotonic seconds.

    Attributes:
        saved: the model saved last, None before the first.
        postponed: the last candidate that was better and came too soon after a save; None if there is none.
    """

    def __init__(
        self,
        send: SendCommand,
        settings: BestSettings,
        file: Path,
        best_so_far: BestScore | None,
        on_saved: Callable[[SavedModel, EpisodeRecord], None],
        clock: Callable[[], float],
    ) -> None:
        self._send = send
        self._settings = settings
        self._file = file
        self._on_saved = on_saved
        self._clock = clock
        self._tracker = BestTracker(settings.mode)
        self._last_attempt: float | None = None
        self._thread: threading.Thread | None = None
        self.saved = read_saved(file, settings)
        self.postponed: tuple[Candidate, EpisodeRecord] | None = None
        self._finished = False
        self._to_beat: SavedModel | BestScore | None = self.saved or best_so_far

    def consider(self, candidate: Candidate, record: EpisodeRecord) -> None:
        """Ask for a save if this candidate, that after this episode, is the best. Returns at once."""
        if not self._beats(candidate):
            return
        if self._finished:
            # The training may have been resumed a moment ago, and what is postponed is considered again.
            self.postponed = (candidate, record)
            return
        now = self._clock()
        # An evaluated model is a candidate once, and the node does not keep it for long.
        can_wait = candidate.iteration is None
        too_soon = self._last_attempt is not None and now - self._last_attempt < self._settings.interval_s
        if (can_wait and too_soon) or (self._thread is not None and self._thread.is_alive()):
            self.postponed = (candidate, record)
            return
        self.postponed = None
        self._last_attempt = now
        self._thread = threading.Thread(target=self._save, args=(candidate, record), name="best-model", daemon=True)
        self._thread.start()

    def consider_postponed(self, current: Candidate | None, record: EpisodeRecord | None) -> None:
        """Consider again what came too soon after a save, while `current` is the candidate after the newest episode."""
        if self.postponed is not None and (found := self._of_now(current, record)) is not None:
            self.consider(*found)

    def finish(self, current: Candidate | None, record: EpisodeRecord | None, timeout: float) -> None:
        """The training stops: have the model saved now if it is the best, and say that none better is left."""
        if self._finished or not self._settings.save:
            return
        self.close(timeout)
        found = self._of_now(current, record)
        if found is not None and self._beats(found[0]):
            self._save(*found)
        self._finished = True
        self._send("best_is_saved", {})

    def resume(self) -> None:
        """The training goes on after its end: better models may come."""
        self._finished = False

    def _of_now(
        self, current: Candidate | None, record: EpisodeRecord | None
    ) -> tuple[Candidate, EpisodeRecord] | None:
        """The candidate that would be saved now, with its episode."""
        if self.postponed is not None and self.postponed[0].iteration is not None:
            return self.postponed
        # The model has changed since the postponed one: what counts is the score of the one that would be saved.
        return None if current is None or record is None else (current, record)

    def _beats(self, candidate: Candidate) -> bool:
        # An evaluation cannot be compared with what an exploring agent reached, and says more.
        comparable = self._to_beat is not None and self._to_beat.metric == candidate.metric
        score_to_beat = self._to_beat.score if self._to_beat is not None and comparable else None
        return self._settings.save and self._tracker.beats(candidate.score, score_to_beat)

    def reset(self) -> None:
        """Forget the score of the saved model: the next score is better."""
        self.saved = None
        self._to_beat = None
        self._file.unlink(missing_ok=True)

    def close(self, timeout: float) -> None:
        """Wait for a request that is under way, at most `timeout` seconds."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _save(self, candidate: Candidate, record: EpisodeRecord) -> None:
        options = {} if candidate.iteration is None else {"iteration": candidate.iteration}
        reply = self._send("save_best", options)
        if not reply.ok:
            log.warning("The best model could not be saved: %s", reply.detail)
            return
        self.saved = SavedModel(
            candidate.metric, self._settings.mode, candidate.score, record.number, record.time, reply.detail
        )
        self._to_beat = self.saved
        self._write(self.saved)
        self._on_saved(self.saved, record)

    def _write(self, saved: SavedModel) -> None:
        try:
            replace_bytes(self._file, msgspec.json.encode(saved))
        except OSError as error:
            log.error("%s cannot be written: %s", self._file, error)


def read_saved(file: Path, settings: BestSettings) -> SavedModel | None:
    """The saved model that the file remembers; None without one, or if it was judged by another metric."""
    try:
        saved = msgspec.json.decode(file.read_bytes(), type=SavedModel)
    except FileNotFoundError:
        return None
    except (OSError, *UNREADABLE) as error:
        log.warning("%s cannot be read, so the best model is judged by the history: %s", file, error)
        return None
    # The score of another metric, or of the opposite direction, cannot be compared with ours.
    comparable = (saved.metric.removeprefix(EVALUATION), saved.mode) == (settings.metric, settings.mode)
    return saved if comparable else None
