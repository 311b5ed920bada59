"""The runs next to the one that the page shows: a list of them, and their curves for comparison."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

from soulsai_telemetry.comparing.runs import Run, runs_in
from soulsai_telemetry.ended_run import EndedRun
from soulsai_telemetry.history.summary import read_summary, status_on_disk
from soulsai_telemetry.run_view import RunView

log = logging.getLogger(__name__)

# Runs that are listed, the newest.
_MAX_RUNS = 200
# Seconds for which a list, and the curves of a run that is still trained, are answered from memory.
_FRESH = 5.0
# Runs whose curves are kept in memory: each takes about a megabyte.
_MAX_OPEN = 8
# Bytes of episodes beyond which a run is not opened for comparison: reading it would take a minute.
_MAX_BYTES = 2**28


class RunLibrary:
    """Reads the runs below one folder when they are asked for. May be used from several threads.

    Args:
        saves: the folder; None: there are no other runs to show.
        own: name of the run that the page shows itself.
    """

    def __init__(self, saves: Path | None, own: str) -> None:
        self._saves = saves
        self._own = own
        self._lock = threading.Lock()
        self._listed: list[dict[str, Any]] = []
        self._listed_at = -_FRESH
        self._open: OrderedDict[str, tuple[float, int, EndedRun]] = OrderedDict()

    def rows(self) -> list[dict[str, Any]]:
        """The runs, the newest first, as values that can be written as JSON."""
        with self._lock:
            if time.monotonic() - self._listed_at >= _FRESH:
                self._listed = [self._row(folder) for folder in self._folders()]
                self._listed_at = time.monotonic()
            return self._listed

    def open(self, name: str) -> EndedRun | None:
        """The run of this name, None if there is none or it is too large."""
        folder = next((found for found in self._folders() if self._name(found) == name), None)
        if folder is None:
            return None
        # One at a time: a visitor who asks for all runs at once must not fill the memory.
        with self._lock:
            return self._read(name, folder)

    def _read(self, name: str, folder: Path) -> EndedRun | None:
        size = sum(file.stat().st_size for file in _episode_files(folder) if file.is_file())
        if size > _MAX_BYTES:
            return None
        known = self._open.pop(name, None)
        now = time.monotonic()
        if known is None or (known[1] != size and now - known[0] >= _FRESH):
            known = (now, size, EndedRun(folder))
        self._open[name] = known
        if len(self._open) > _MAX_OPEN:
            self._open.popitem(last=False)
        return known[2]

    def _folders(self) -> list[Path]:
        """The newest first: the name of a run begins with its date."""
        if self._saves is None:
            return []
        try:
            found = runs_in(self._saves, depth=2)
        except OSError as error:
            log.debug("The runs in %s cannot be listed: %s", self._saves, error)
            return []
        return sorted(found, key=lambda folder: folder.name, reverse=True)[:_MAX_RUNS]

    def _name(self, folder: Path) -> str:
        assert self._saves is not None
        return folder.relative_to(self._saves).as_posix()

    def _row(self, folder: Path) -> dict[str, Any]:
        run = Run(folder)
        view = RunView(run.folder, shared=True)
        summary = read_summary(view.summary)
        status = status_on_disk(view, summary, time.time())
        saved = None if summary is None else summary.saved
        return {
            "name": self._name(folder),
            "shown": folder.name == self._own,
            "environment": run.environment,
            "algorithm": run.algorithm,
            "seed": run.config.get("run", {}).get("seed"),
            "state": "" if status is None else status.health.label,
            "page": self._page(view),
            "time": None if status is None else status.time,
            "episodes": None if status is None else status.node.episodes,
            "steps": None if status is None else status.node.env_steps,
            "elapsed": None if status is None else status.node.elapsed,
            "metric": "" if summary is None else summary.metric,
            "window": None if summary is None else summary.window,
            "average": None if summary is None else summary.average,
            "best": None if saved is None else saved.score,
        }

    def _page(self, view: RunView) -> str | None:
        """The address of the page of another run that is trained now."""
        if view.folder.name == self._own:
            return None
        try:
            return view.folder.page.read_text(encoding="utf-8").partition(" ")[0].strip() or None
        except OSError:
            return None


def _episode_files(folder: Path) -> tuple[Path, Path]:
    view = RunView(Run(folder).folder, shared=True)
    return view.episodes, view.folder.episodes
